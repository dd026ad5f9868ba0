package trail

// childStore is set by the system tier to a store on a real server.
var childStore = func(dsn string) Store { panic("no store for " + dsn) }
