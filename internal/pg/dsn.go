package pg

import "fmt"

// Source says where a connection string came from, for messages.
type Source string

// The sources, in the order in which they are asked.
const (
	FromArgument     Source = "the argument"
	FromRingfenceDSN Source = "RINGFENCE_DSN"
	FromDatabaseURL  Source = "DATABASE_URL"
	FromPGVariables  Source = "the PG* variables"
)

// pgVariables are those that name a server or database; PGPASSWORD or PGSSLMODE
// alone say nothing about where to go.
var pgVariables = []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE"}

// Resolve chooses the connection string: the explicit argument, else
// RINGFENCE_DSN, DATABASE_URL, the PG* variables. For the last the string is
// empty, which Connect completes from the environment as libpq does; they also
// fill in what the other three leave out. Where nothing says which database is
// meant it is an *Error: a tool that changes security must not guess.
func Resolve(argument string, lookup func(name string) (string, bool)) (dsn string, from Source, err error) {
	if argument != "" {
		return argument, FromArgument, nil
	}
	for _, s := range []Source{FromRingfenceDSN, FromDatabaseURL} {
		if v, ok := lookup(string(s)); ok && v != "" {
			return v, s, nil
		}
	}
	for _, name := range pgVariables {
		if v, ok := lookup(name); ok && v != "" {
			return "", FromPGVariables, nil
		}
	}
	return "", "", &Error{
		Doing: "choosing a database: none is named",
		Hint:  fmt.Sprintf("Give a connection string as the argument, or set %s, %s or PGHOST and PGDATABASE.", FromRingfenceDSN, FromDatabaseURL),
	}
}
