package demo

import (
	"fmt"
	"path/filepath"
)

// Configuration is the service's document: what a user would write, on
// loopback ports that the kernel chooses.
func Configuration(dir, url string) []byte {
	at := func(name string) string { return fmt.Sprintf("%q", filepath.Join(dir, name)) }
	return fmt.Appendf(nil, `# What mirrorwall demo runs.
version: 1
state: %s
sensor:
  listen: [127.0.0.1:0]
  sources:
    networks: [127.0.0.0/8]
    vnis: [4000000-4099999]
  # Long flows show at once.
  flow_interval: 2s
tenants:
  - name: shop
    vnis: [4000000-4099999]
eve:
  path: %s
health:
  address: 127.0.0.1:0
respond:
  - name: tickets
    log: threat
    filter: ( severity geq high )
    action: webhook
    with:
      url: %s
      secret_file: %s
`, at("state"), at("eve.json"), url, at("webhook.secret"))
}
