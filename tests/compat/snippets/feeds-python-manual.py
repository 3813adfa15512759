# compat: seed of the threat feeds, letter by letter; indentation restored.
import requests
import base64
url = "https://api.gen0sec.com/v1/threat/feeds"
api_key = "your-api-key"
# Encode credentials
credentials = f"api:{api_key}"
encoded = base64.b64encode(credentials.encode()).decode()
headers = {
    "Authorization": f"Basic {encoded}",
    "Accept": "text/plain"
}
response = requests.get(url, headers=headers)
if response.status_code == 200:
    ip_list = response.text.strip().split('\n')
    for ip in ip_list:
        print(f"Block IP: {ip}")
