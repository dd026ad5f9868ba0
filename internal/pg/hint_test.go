package pg

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestDirectHint(t *testing.T) {
	cases := map[string]string{
		"host=ep-cool-1-pooler.eu.example.tech port=5432 user=u":   "Connect directly: host ep-cool-1.eu.example.tech, port 5432.",
		"host=db-pooler port=6432 user=u":                          "Connect directly: host db, port 5432.",
		"host=aws-0.pooler.example.com port=6543 user=u":           "Connect directly: host aws-0.pooler.example.com, port 5432 (here port 6543), or the address the server itself listens on.",
		"host=pooler-free.example.com port=5432 user=u":            "Connect to the address the server itself listens on, not to the pooler's.",
		"host=/var/run/pgbouncer port=5432 user=u sslmode=disable": "Connect to the address the server itself listens on, not to the pooler's.",
		"host=10.0.0.1 port=5432 user=u":                           "Connect to the address the server itself listens on, not to the pooler's.",
	}
	for dsn, want := range cases {
		cfg, err := pgx.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		if got := directHint(cfg); got != want {
			t.Errorf("%s:\n got %q\nwant %q", dsn, got, want)
		}
	}
}
