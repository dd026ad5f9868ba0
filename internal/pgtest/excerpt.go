package pgtest

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// excerpt gives the lines of a script around the place an error points to, or
// its beginning where the error names no place.
func excerpt(script string, err error) string {
	const around = 5
	lines := strings.Split(script, "\n")
	at := 0
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Position > 0 {
		// Position counts characters from 1.
		runes := []rune(script)
		end := min(int(pgErr.Position)-1, len(runes))
		at = strings.Count(string(runes[:end]), "\n")
	}
	from := max(at-around, 0)
	to := min(at+around+1, len(lines))
	return strings.Join(lines[from:to], "\n")
}
