# compat: seed of the threat feeds, letter by letter; indentation restored.
import requests
url = "https://api.gen0sec.com/v1/threat/feeds"
headers = {
    "Authorization": "Bearer your-api-key",
    "Accept": "text/plain"
}
response = requests.get(url, headers=headers)
if response.status_code == 200:
    # Process the IP list
    ip_list = response.text.strip().split('\n')
    for ip in ip_list:
        print(f"Block IP: {ip}")
else:
    print(f"Error: {response.status_code} - {response.text}")
