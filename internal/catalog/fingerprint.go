package catalog

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// ownSchema is the schema in which Ringfence keeps its own tables; it never enters a fingerprint.
const ownSchema = "ringfence"

// Fingerprint is a hash of all that bears on isolation in this database, as hexadecimal text. OIDs, places in source text,
// sizes, statistics, times and the ringfence schema do not enter it; stored trees enter with every OID replaced by what it
// names. Two databases made from the same dump by the same major version have the same one.
//
// Roles enter where the database can meet them: those it names, those that bypass row security, and those related by membership.
func (s *Snapshot) Fingerprint() string {
	return hashOf(s.Fingerprints(), func(string) bool { return true })
}

// SchemaFingerprint is Fingerprint without what belongs to the whole cluster (roles, memberships, parameters): for comparing a
// database before and after, where others make roles meanwhile.
func (s *Snapshot) SchemaFingerprint() string {
	return hashOf(s.Fingerprints(), func(key string) bool {
		return !strings.HasPrefix(key, "role ") && !strings.HasPrefix(key, "parameter ")
	})
}

func hashOf(prints map[string]string, include func(string) bool) string {
	keys := make([]string, 0, len(prints))
	for k := range prints {
		if include(k) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	h := sha256.New()
	for _, k := range keys {
		h.Write([]byte(k + "\x00" + prints[k] + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// ObjectFingerprint is the hash of one relation (with its columns, policies, grants and the rest that hangs on it), one
// function (by identity or signature), or one role (with its memberships, by its identity); "" where there is none of that
// identity. For more than one use Fingerprints.
func (s *Snapshot) ObjectFingerprint(identity string) string {
	p := newPrinter(s)
	if r := s.Relation(identity); r != nil {
		return p.relation(r)
	}
	if f := s.Function(identity); f != nil {
		return p.function(f)
	}
	for i := range s.Roles {
		if s.Roles[i].Identity() == identity {
			return p.role(&s.Roles[i])
		}
	}
	return ""
}

// Fingerprints gives the hash of every object in one pass. Relations and functions stand under their identity; everything
// else under its kind and its identity: "role app", "schema public", "type public.mood", "setting …".
func (s *Snapshot) Fingerprints() map[string]string {
	p := newPrinter(s)
	out := make(map[string]string, len(s.Relations)+len(s.Functions)+len(s.Types)+len(s.Roles))
	for i := range s.Relations {
		if r := &s.Relations[i]; !r.System && r.Schema != ownSchema {
			out[r.Identity()] = p.relation(r)
		}
	}
	for i := range s.Functions {
		if f := &s.Functions[i]; !f.System && f.Schema != ownSchema {
			out[f.Identity()] = p.function(f)
		}
	}
	for i := range s.Types {
		if t := &s.Types[i]; !t.System && t.Schema != ownSchema && t.Relation == "" && t.Element == 0 {
			out["type "+t.Identity()] = p.typ(t)
		}
	}
	for i := range s.Operators {
		if o := &s.Operators[i]; !o.System && o.Schema != ownSchema {
			out["operator "+o.Identity()] = p.operator(o)
		}
	}
	met := s.metRoles()
	for i := range s.Roles {
		if r := &s.Roles[i]; met[r.Name] {
			out["role "+r.Identity()] = p.role(r)
		}
	}
	for _, g := range s.Parameters {
		g.Grants = slices.DeleteFunc(slices.Clone(g.Grants), func(g Grant) bool { return g.Grantee != "" && !met[g.Grantee] })
		if len(g.Grants) > 0 { // those of other databases' roles are the cluster's business
			out["parameter "+g.Name] = hash(g)
		}
	}
	p.objects(out)
	return out
}

// A printer hashes objects; one is made for each pass.
type printer struct {
	snap  *Snapshot
	trees *treeWriter
}

func newPrinter(s *Snapshot) *printer { return &printer{snap: s, trees: newTreeWriter(s)} }

// hash hashes a value by its JSON form, which for these types holds every exported field in order.
func hash(values ...any) string {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			panic("catalog: a snapshot's part has no JSON form: " + err.Error())
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// tree replaces a tree by its normal form; the printed text leaves.
func (p *printer) tree(t *Tree, own *Relation) *Tree {
	if t == nil {
		return nil
	}
	return &Tree{Node: p.trees.normal(t, own)}
}
