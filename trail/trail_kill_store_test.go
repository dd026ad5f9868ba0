//go:build !system

package trail

// childStore is for the system tier, whose children have a server.
func childStore(dsn string) Store { panic("no store for " + dsn) }
