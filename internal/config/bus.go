package config

import (
	"net/url"
	"strings"
	"time"
)

// Bus says how records reach a console on another machine, and configurations
// its sensors: through NATS JetStream. Without a URL the spool below state: is
// the bus, for a console on the same machine.
type Bus struct {
	// URL is nats://HOST:PORT or tls://HOST:PORT; several of one cluster have
	// commas between.
	URL string `yaml:"url"`
	// CA is a PEM file of the authorities that signed the servers' certificates.
	CA string `yaml:"ca"`
	// Cert and Key are PEM files, for servers that want a certificate.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// Credentials is a file as nsc writes it.
	Credentials string `yaml:"credentials"`
	// Prefix begins all names on the servers.
	Prefix string `yaml:"prefix"`
	// Replicas are the copies of everything: 1, 3 or 5.
	Replicas int `yaml:"replicas"`
	// MaxBytes and MaxAge bound what the servers keep for consoles.
	MaxBytes Size     `yaml:"max_bytes"`
	MaxAge   Duration `yaml:"max_age"`
}

// URLs are the servers, none for the spool.
func (b *Bus) URLs() []string {
	if b.URL == "" {
		return nil
	}
	out := strings.Split(b.URL, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

func defaultBus() Bus {
	return Bus{Prefix: "mirrorwall", Replicas: 1, MaxBytes: 10 << 30, MaxAge: Duration(7 * 24 * time.Hour)}
}

func (c *Config) validateBus(k *Checker) {
	b := &c.Bus
	for _, s := range b.URLs() {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "" {
			k.Add(At("bus", "url"), "several servers of one cluster have commas between", "bus: url: want nats://HOST:PORT or tls://HOST:PORT")
		} else if u.User != nil {
			k.Add(At("bus", "url"), "credentials: names a file", "bus: url: users and passwords have no place in it")
		}
	}
	if b.Replicas != 1 && b.Replicas != 3 && b.Replicas != 5 {
		k.Add(At("bus", "replicas"), "", "bus: replicas: want 1, 3 or 5, got %d", b.Replicas)
	}
	if (b.Cert == "") != (b.Key == "") {
		k.Add(At("bus"), "", "bus: cert and key go together")
	}
	if b.MaxBytes < 64<<20 {
		k.Add(At("bus", "max_bytes"), "", "bus: max_bytes: want at least 64MiB, got %d", b.MaxBytes)
	}
	if b.Prefix == "" || strings.ContainsFunc(b.Prefix, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) {
		k.Add(At("bus", "prefix"), "", "bus: prefix: want letters, digits, - and _, got %q", b.Prefix)
	}
}
