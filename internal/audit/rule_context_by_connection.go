package audit

var contextByConnection = calledFault(Rule{
	ID:       "CTX007",
	Name:     "context-by-connection",
	Title:    "the tenant is looked up by the connection, which a pool hands on",
	Severity: High,
	Source:   "verified attack: a pooled backend keeps the previous tenant",
	Doc: `The function tells the tenant by the server process, the client's address or the application's name. A pool gives the same connection to the next
request: without a login of its own it is the tenant before.

Bind the context to the transaction: SET LOCAL, or pg_current_xact_id() in the look-up, or a signed token.`,
}, func(_ *Input, c called) (string, Severity) {
	name := calls(c.body, "pg_backend_pid", "inet_client_addr", "inet_client_port", "pg_stat_get_activity")
	if name == "" || len(c.body.Reads()) == 0 || calls(c.body, "pg_current_xact_id", "pg_current_xact_id_if_assigned", "txid_current", "txid_current_if_assigned") != "" {
		return "", ""
	}
	return "It looks the session up by " + name + "().", High
})
