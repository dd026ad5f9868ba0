package decide

import (
	"math/rand/v2"
	"testing"
)

// FuzzOracle lets the fuzzer choose the grammar's seed and depth: each predicate is decided and held against PostgreSQL. Depths are
// those whose predicates are decided well within the ten seconds that go test gives an input.
func FuzzOracle(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint8(seed%3), uint8(seed))
	}
	o := newOracle(f)
	o.prepare(f)
	f.Fuzz(func(t *testing.T, seed uint64, depth, key uint8) {
		g := &grammar{r: rand.New(rand.NewPCG(seed, 11)), key: keyTypes[int(key)%len(keyTypes)], used: map[string]int{}}
		p := &oraclePredicate{key: g.key, text: g.predicate(int(depth % 3))}
		o.readOne(t, p)
		p.out = o.decide(New(o.model), p)
		fault := ""
		switch p.out.Verdict {
		case Proved:
			_, fault = o.refute(t, p)
		case Leak:
			fault = o.reproduce(t, p)
		}
		if fault != "" {
			t.Errorf("%s on %s: %s", p.out.Verdict, p.key, fault)
		}
	})
}

// FuzzParse holds that reading a value's text form never panics, and that what is read is read again alike.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", uuidA, "{" + uuidB + "}", "{a,NULL,\"b\\\"c\"}", "1_000", "0x1f", "-7", " 7 ", "tRuE", "{\"a\":[1]}", "a%_\\"} {
		f.Add(s)
	}
	types := []sqlType{textType, boolType, nameType, typeOf(nil, 2950, -1), typeOf(nil, 23, -1), typeOf(nil, 1700, -1), typeOf(nil, 1042, 8), typeOf(nil, 1043, 8), typeOf(nil, 1009, -1), typeOf(nil, 2951, -1), typeOf(nil, 3802, -1)}
	f.Fuzz(func(t *testing.T, s string) {
		for _, typ := range types {
			v, ok := parse(s, typ)
			if !ok || v.null {
				continue
			}
			w, ok := parse(v.output(), typ)
			if !ok || !equal(v, w) {
				t.Errorf("%s: %q is read as %q, and that as %q", typ.format, s, v.output(), w.output())
			}
		}
	})
}
