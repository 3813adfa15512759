// compat: seed of the threat feeds, letter by letter; indentation restored.
package main
import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
)
func main() {
	url := "https://api.gen0sec.com/v1/threat/feeds"
	req, _ := http.NewRequest("GET", url, nil)
	req.Header.Set("Authorization", "Bearer your-api-key")
	req.Header.Set("Accept", "text/plain")
	client := &http.Client{}
	resp, _ := client.Do(req)
	defer resp.Body.Close()
	scanner := bufio.NewScanner(resp.Body)
	for scanner.Scan() {
		ip := strings.TrimSpace(scanner.Text())
		if ip != "" {
			fmt.Printf("Block IP: %s\n", ip)
		}
	}
}
