// compat: seed of the threat feeds, letter by letter; indentation restored.
package main
import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)
func main() {
	url := "https://api.gen0sec.com/v1/threat/feeds"
	apiKey := "your-api-key"
	// Encode credentials for Basic Auth
	credentials := fmt.Sprintf("api:%s", apiKey)
	encoded := base64.StdEncoding.EncodeToString([]byte(credentials))
	req, _ := http.NewRequest("GET", url, nil)
	req.Header.Set("Authorization", fmt.Sprintf("Basic %s", encoded))
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
