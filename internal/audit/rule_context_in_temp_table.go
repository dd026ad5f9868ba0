package audit

import (
	"fmt"
	"strings"
)

var contextInTempTable = calledFault(Rule{
	ID:       "CTX008",
	Name:     "context-in-temp-table",
	Title:    "the tenant is read from a temporary table that anybody can make",
	Severity: High,
	Source:   "74, 83; temporary objects belong to whoever makes them",
	Doc: `The function looks the tenant up in a temporary table. Every session may make one of that name and write into it what it likes; in a pool it stays for
the next request.

Use a setting for the transaction (SET LOCAL), signed where SQL can be injected.`,
}, func(_ *Input, c called) (string, Severity) {
	if c.body != nil && len(c.body.Absent) > 0 {
		return fmt.Sprintf("Its body reads %s, which no schema has.", list(c.body.Absent)), High
	}
	if c.function.Body != nil || !strings.Contains(strings.ToLower(c.function.Source), "pg_temp.") {
		return "", ""
	}
	return "Its body names a table in pg_temp.", High
})
