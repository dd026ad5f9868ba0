package decide

import "github.com/ringfencehq/ringfence/internal/expr"

// sessionState holds PostgreSQL's functions that tell how a session came in and what it is at: whoever runs SQL has a say in it, and none of
// it is a tenant.
var sessionState = map[string]bool{
	"current_schema": true, "current_schemas": true, "pg_my_temp_schema": true, "pg_client_encoding": true,
	"inet_client_addr": true, "inet_client_port": true, "inet_server_addr": true, "inet_server_port": true, "pg_backend_pid": true,
	"pg_trigger_depth": true, "pg_is_in_recovery": true, "random": true,
	"txid_current": true, "txid_current_if_assigned": true, "pg_current_xact_id": true, "pg_current_xact_id_if_assigned": true,
}

// saysOfSession reports whether an expression is a call of such a function.
func saysOfSession(e expr.Expr) bool {
	switch e := e.(type) {
	case *expr.Call:
		return e.Func != nil && e.Func.System && sessionState[e.Func.Name]
	case *expr.SessionValue:
		return sessionState[e.Name]
	}
	return false
}
