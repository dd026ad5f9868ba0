package expr

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// builtinData is what pg_catalog of 14 to 18 holds from initdb on: functions, operators, casts and types, one a line, with
// the first and the last version that has the line. PostgreSQL never changes the number or meaning of these within a
// version, so a stored tree that names one by OID and a body that names one by name can be read without asking a server.
// testdata/builtin.sql has the queries that made it.
//
//go:embed builtin.tsv.gz
var builtinData []byte

// A builtinSet is the lines of builtinData in force on one major version.
type builtinSet struct {
	functions map[uint32]*builtinFunc
	byName    map[string][]*builtinFunc
	operators map[uint32]*builtinOp
	opsByName map[string][]*builtinOp
	casts     map[[2]uint32]builtinCast
	types     map[uint32]*builtinType
	typeNames map[string]*builtinType
}

type builtinFunc struct {
	catalog.Function
	variadic uint32 // element type of a variadic last argument
	defaults int    // how many of the last arguments have defaults
}

type builtinOp struct {
	catalog.Operator
	left, right, result, function uint32
}

type builtinCast struct {
	function uint32
	context  byte // i, a, e
	method   byte // f, b, i
}

type builtinType struct {
	catalog.Type
	preferred bool
	array     uint32
	collation uint32
}

// builtins holds the sets read so far, by major version; each is read once and never changed.
var builtins sync.Map // int → func() *builtinSet

// builtinsOf returns pg_catalog of a major version; what is newer than 18 is read as 18, what is older than 14 as 14.
func builtinsOf(major int) *builtinSet {
	major = min(max(major, 14), 18)
	once, _ := builtins.LoadOrStore(major, sync.OnceValue(func() *builtinSet { return readBuiltins(major) }))
	return once.(func() *builtinSet)()
}

// MadeLeakproof reports whether a function is LEAKPROOF in the pg_catalog that initdb makes, or is not one of those.
func MadeLeakproof(versionNum int, f *catalog.Function) bool {
	own := builtinsOf(versionNum / 10000).functions[f.OID]
	return own == nil || own.Leakproof
}

func readBuiltins(major int) *builtinSet {
	z, err := gzip.NewReader(bytes.NewReader(builtinData))
	if err != nil {
		panic("expr: the embedded pg_catalog is damaged: " + err.Error())
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic("expr: the embedded pg_catalog is damaged: " + err.Error())
	}
	s := &builtinSet{functions: map[uint32]*builtinFunc{}, byName: map[string][]*builtinFunc{}, operators: map[uint32]*builtinOp{},
		opsByName: map[string][]*builtinOp{}, casts: map[[2]uint32]builtinCast{}, types: map[uint32]*builtinType{}, typeNames: map[string]*builtinType{}}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if num(f[1]) <= major && major <= num(f[2]) {
			s.line(f[0], f[3:])
		}
	}
	s.finish()
	return s
}

func num(s string) int { n, _ := strconv.Atoi(s); return n }

func oidOf(s string) uint32 { n, _ := strconv.ParseUint(s, 10, 32); return uint32(n) }

func oidsOf(s string) []uint32 {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	out := make([]uint32, len(parts))
	for i, p := range parts {
		out[i] = oidOf(p)
	}
	return out
}

func (s *builtinSet) line(kind string, f []string) {
	switch kind {
	case "p":
		s.function(f)
	case "o":
		o := &builtinOp{left: oidOf(f[2]), right: oidOf(f[3]), result: oidOf(f[4]), function: oidOf(f[5])}
		o.Operator = catalog.Operator{OID: oidOf(f[0]), Schema: "pg_catalog", Name: f[1], Commutator: oidOf(f[6]), Negator: oidOf(f[7]),
			BTreeStrategy: num(f[8]), System: true}
		if f[9] != "" {
			o.Family = "pg_catalog." + f[9]
		}
		s.operators[o.OID] = o
		s.opsByName[o.Name] = append(s.opsByName[o.Name], o)
	case "c":
		s.casts[[2]uint32{oidOf(f[0]), oidOf(f[1])}] = builtinCast{function: oidOf(f[2]), context: f[3][0], method: f[4][0]}
	case "t":
		t := &builtinType{preferred: f[5] == "1", array: oidOf(f[7]), collation: oidOf(f[11])}
		t.Type = catalog.Type{OID: oidOf(f[0]), Schema: "pg_catalog", Name: f[1], Format: f[2], Kind: typeKind(f[3]), Category: f[4],
			Length: int16(num(f[8])), ByValue: f[9] == "1", Align: f[10], System: true}
		if t.Category == "A" {
			t.Element = oidOf(f[6])
		}
		s.types[t.OID] = t
		s.typeNames[t.Name] = t
	}
}

func typeKind(c string) string {
	switch c {
	case "p":
		return "pseudo"
	case "r":
		return "range"
	case "m":
		return "multirange"
	default:
		return "base"
	}
}

func (s *builtinSet) function(f []string) {
	b := &builtinFunc{variadic: oidOf(f[8]), defaults: num(f[9])}
	b.Function = catalog.Function{OID: oidOf(f[0]), Schema: "pg_catalog", Name: f[1], ArgumentOIDs: oidsOf(f[2]), ResultOID: oidOf(f[3]),
		Kind: word(f[4], map[string]string{"a": "aggregate", "w": "window", "p": "procedure"}, "function"), Strict: f[5] == "1",
		Volatility: word(f[6], map[string]string{"i": "immutable", "s": "stable"}, "volatile"), ReturnsSet: f[7] == "1",
		Leakproof: f[10] == "1", Language: "internal", Owner: "", System: true}
	if f[13] != "" {
		b.ArgumentNames = strings.Split(f[13], ",")
	}
	if f[11] != "" {
		modes := map[string]string{"i": "in", "o": "out", "b": "inout", "v": "variadic", "t": "table"}
		for _, m := range strings.Split(f[11], "") {
			b.ArgumentModes = append(b.ArgumentModes, modes[m])
		}
		b.AllArgumentOIDs = oidsOf(f[12])
	}
	s.functions[b.OID] = b
	s.byName[b.Name] = append(s.byName[b.Name], b)
}

func word(key string, words map[string]string, other string) string {
	if w, ok := words[key]; ok {
		return w
	}
	return other
}

// finish writes the names of types into what was read before them.
func (s *builtinSet) finish() {
	name := func(oid uint32) string {
		if t := s.types[oid]; t != nil {
			return t.Format
		}
		return ""
	}
	for _, f := range s.functions {
		for _, a := range f.ArgumentOIDs {
			f.Arguments = append(f.Arguments, name(a))
		}
		f.Result = name(f.ResultOID)
	}
	for _, o := range s.operators {
		o.Left, o.Right = name(o.left), name(o.right)
		if f := s.functions[o.function]; f != nil {
			o.Function = f.Identity()
		}
	}
}
