package decide

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/ringfencehq/ringfence/internal/expr"
)

// intervalOID is the type of intervals.
const intervalOID = 1186

// spans are the days in PostgreSQL's units of time, as far as they tell whether an interval is long.
var spans = map[string]int{"microsecond": 0, "millisecond": 0, "second": 0, "minute": 0, "hour": 0, "day": 1, "week": 7, "mon": 31, "month": 31, "year": 366}

// shortInterval reports whether a constant is an interval of fewer days than lie between the moments that rows are tried with: added to the
// present, it changes nothing of what they are compared with.
func shortInterval(e *expr.Const) bool {
	const most = 3650
	if e.TypeOID != intervalOID || e.Null {
		return false
	}
	text, isText := strings.CutPrefix(e.Raw, "text:")
	raw, err := hex.DecodeString(text)
	switch {
	case err != nil:
		return false
	case isText:
		number, unit, _ := strings.Cut(string(raw), " ")
		n, err := strconv.Atoi(number)
		days, ok := spans[strings.TrimSuffix(unit, "s")]
		return err == nil && ok && n >= 0 && n < most && n*days < most
	case len(raw) != 16:
		return false
	}
	micro := int64(binary.LittleEndian.Uint64(raw)) / (24 * 3600 * 1e6)
	days, months := int64(int32(binary.LittleEndian.Uint32(raw[8:]))), int64(int32(binary.LittleEndian.Uint32(raw[12:])))
	total := micro + days + 31*months
	return -most < total && total < most
}

// shifted is the present, or another moment, plus or minus a short interval; nil for all else. In a refutation the moment stays what it is.
func (c *compiler) shifted(e *expr.Operation, s *scope) *node {
	if e.Op == nil || !e.Op.System || e.Kind != "plain" || len(e.Args) != 2 {
		return nil
	}
	switch functionName(e.Op.Function) {
	case "timestamptz_mi_interval", "timestamptz_pl_interval", "timestamp_mi_interval", "timestamp_pl_interval":
	default:
		return nil
	}
	k, ok := e.Args[1].(*expr.Const)
	if !ok || !shortInterval(k) {
		return nil
	}
	return c.run(&shiftFunction, e, []*node{c.compile(e.Args[0], s)}, s)
}

var shiftFunction = function{name: "shift", clock: true, args: 1, strict: true, run: func(v []value) (value, outcome) {
	if v[0].k != kindOther || !isDay(v[0].s) {
		return null, opaque
	}
	return v[0], done
}}
