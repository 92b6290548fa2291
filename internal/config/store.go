package config

import (
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// Store is where records are kept and found again.
type Store struct {
	// Engine is duckdb (embedded, on this machine) or clickhouse.
	Engine string `yaml:"engine"`
	// Path is the folder of the embedded store; empty: the folder store of the
	// document's State.
	Path string `yaml:"path"`
	// URL is ClickHouse's address, clickhouse://HOST:PORT/DATABASE, without a
	// password: that is in PasswordFile or PasswordEnv.
	URL          string `yaml:"url"`
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
	PasswordEnv  string `yaml:"password_env"`
	// Cluster of ClickHouse that keeps replicated tables; empty: one server.
	Cluster string `yaml:"cluster"`
	// Memory bounds what the embedded engine takes.
	Memory    Size      `yaml:"memory"`
	Retention Retention `yaml:"retention"`
}

// Retention says how long records are kept; zero does not bound.
type Retention struct {
	// Age and Bytes hold for each log type that Logs does not name.
	Age   Duration        `yaml:"age"`
	Bytes Size            `yaml:"bytes"`
	Logs  map[string]Keep `yaml:"logs"`
}

// Keep bounds one log type; zero does not bound.
type Keep struct {
	Age   Duration `yaml:"age"`
	Bytes Size     `yaml:"bytes"`
}

// Of is what bounds a log type.
func (r *Retention) Of(log string) Keep {
	if k, ok := r.Logs[log]; ok {
		return k
	}
	return Keep{r.Age, r.Bytes}
}

// StorePath is the folder of the embedded store.
func (c *Config) StorePath() string {
	if c.Store.Path != "" {
		return c.Store.Path
	}
	return filepath.Join(c.State, "store")
}

func defaultStore() Store {
	return Store{Engine: "duckdb", Memory: 1 << 30, Retention: Retention{Age: Duration(30 * 24 * time.Hour), Bytes: 20 << 30}}
}

func (c *Config) validateStore(k *Checker) {
	s := &c.Store
	engines := []string{"duckdb", "clickhouse"}
	if !slices.Contains(engines, s.Engine) {
		k.Add(At("store", "engine"), meant(s.Engine, engines), "store: engine: want duckdb or clickhouse, got %q", s.Engine)
	}
	u, err := url.Parse(s.URL)
	switch {
	case s.URL == "" && s.Engine == "clickhouse":
		k.Add(At("store"), "url: clickhouse://HOST:9000/mirrorwall", "store: engine clickhouse wants a url")
	case s.URL == "":
	case err != nil || u.Scheme != "clickhouse" || u.Host == "":
		k.Add(At("store", "url"), "", "store: url: want clickhouse://HOST:PORT/DATABASE")
	case u.User != nil || u.Query().Has("password"):
		k.Add(At("store", "url"), "username, and password_file or password_env, are keys of their own", "store: url: users and passwords have no place in it")
	}
	if s.PasswordFile != "" && s.PasswordEnv != "" {
		k.Add(At("store", "password_env"), "", "store: want password_file or password_env, not both")
	}
	if s.Memory < 64<<20 {
		k.Add(At("store", "memory"), "", "store: memory: want at least 64MiB, got %d", s.Memory)
	}
	logs := record.Logs()
	for _, log := range slices.Sorted(maps.Keys(s.Retention.Logs)) {
		if !slices.Contains(logs, log) {
			k.Add(At("store", "retention", "logs", log), meant(log, logs), "store: retention: logs: want one of %s, got %q", strings.Join(logs, ", "), log)
		}
	}
}
