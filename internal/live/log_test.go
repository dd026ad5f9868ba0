package live

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The errors of one database are counted in both forms of log, in pieces that end anywhere.
func TestLogInPieces(t *testing.T) {
	csv := func(db, severity, state, message string) string {
		return `2026-03-02 12:00:00 UTC,"u","` + db + `",1,"[local]",s,1,"x",2026-03-02 12:00:00 UTC,1/1,0,` + severity + `,` + state + `,"` + message + `",,,,,,,,,"app","client backend",,0` + "\n"
	}
	json := func(db, severity, state, message string) string {
		return fmt.Sprintf(`{"dbname":%q,"error_severity":%q,"state_code":%q,"message":%q}`, db, severity, state, message) + "\n"
	}
	for format, line := range map[string]func(db, severity, state, message string) string{"csvlog": csv, "jsonlog": json} {
		message := "one\nline \"\"more\"\""
		if format == "jsonlog" {
			message = "an odd \" of it"
		}
		text := line("app", "ERROR", "42501", message) + line("other", "ERROR", "42501", "x") + line("app", "LOG", "00000", "x") + line("app", "WARNING", "42501", "x") + line("app", "FATAL", "57P01", "x")
		if format == "jsonlog" {
			text += "not JSON\n"
		}
		for size := 1; size <= len(text); size += 7 {
			l, got := &Log{format: format}, map[string]int64{}
			for rest := text + "half a line"; rest != ""; {
				n := min(size, len(rest))
				l.take([]byte(rest[:n]), "app", got)
				rest = rest[n:]
			}
			if d := cmp.Diff(map[string]int64{"42501": 1, "57P01": 1}, got); d != "" || string(l.rest) != "half a line" {
				t.Fatalf("%s in pieces of %d, with %q left: %s", format, size, l.rest, d)
			}
		}
	}
}
