# compat: seed of the threat feeds, letter by letter; indentation restored.
import requests
from requests.auth import HTTPBasicAuth
url = "https://api.gen0sec.com/v1/threat/feeds"
response = requests.get(
    url,
    auth=HTTPBasicAuth("api", "your-api-key"),
    headers={"Accept": "text/plain"}
)
if response.status_code == 200:
    ip_list = response.text.strip().split('\n')
    for ip in ip_list:
        print(f"Block IP: {ip}")
else:
    print(f"Error: {response.status_code} - {response.text}")
