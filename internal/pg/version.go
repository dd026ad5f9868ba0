package pg

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Version is PostgreSQL's server_version_num: 150018 is 15.18. Zero is unknown.
type Version int

// The major versions that Ringfence knows the catalogue and the stored trees of.
const (
	OldestSupported = 14
	NewestSupported = 18
)

// Major gives 15 for 15.18.
func (v Version) Major() int { return int(v) / 10000 }

// Supported tells whether the major version is one Ringfence knows.
func (v Version) Supported() bool {
	return v.Major() >= OldestSupported && v.Major() <= NewestSupported
}

// String gives "15.18".
func (v Version) String() string {
	return fmt.Sprintf("%d.%d", v.Major(), int(v)%10000)
}

// ServerVersion asks the server. An unsupported version is returned together
// with an *Error.
func ServerVersion(ctx context.Context, conn *pgx.Conn) (Version, error) {
	var text string
	err := conn.QueryRow(ctx, "SHOW server_version_num", pgx.QueryExecModeSimpleProtocol).Scan(&text)
	if err != nil {
		return 0, fmt.Errorf("reading the server's version: %w", err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("reading the server's version: %q is not a number", text)
	}
	v := Version(n)
	if !v.Supported() {
		return v, &Error{
			Doing: fmt.Sprintf("checking the server's version: PostgreSQL %s is not supported", v),
			Hint:  fmt.Sprintf("Use a server of version %d to %d.", OldestSupported, NewestSupported),
		}
	}
	return v, nil
}

// parseProgramVersion reads what `postgres --version` prints, for instance
// "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" or "… 19beta1".
func parseProgramVersion(out string) (Version, error) {
	_, rest, found := strings.Cut(out, "(PostgreSQL) ")
	if !found {
		return 0, fmt.Errorf("reading a program's version: no version in %.80q", out)
	}
	number := strings.FieldsFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if len(number) == 0 {
		return 0, fmt.Errorf("reading a program's version: no version in %.80q", out)
	}
	majorText, minorText, _ := strings.Cut(number[0], ".")
	major, err := strconv.Atoi(majorText)
	if err != nil {
		return 0, fmt.Errorf("reading a program's version: no version in %.80q", out)
	}
	minor, err := strconv.Atoi(minorText)
	if err != nil {
		minor = 0 // a beta or development build has no minor number
	}
	return Version(major*10000 + minor), nil
}
