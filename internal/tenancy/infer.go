package tenancy

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/rights"
)

// ownSchema is the schema in which Ringfence keeps what is its own; it is no part of the product's data.
const ownSchema = "ringfence"

// Options say what is known beforehand. What is given here wins over Config, and both over inference.
type Options struct {
	Config        *Config
	TenantColumns []string
	Context       string   // as Config.Context
	AppRoles      []string // replaces the inference of application roles
	Schemas       []string // limits the tables that are looked at
}

// Infer reads a Snapshot as a multi-tenant schema. The Snapshot must not change afterwards. The error is an
// *UnknownNameError where a role, column, schema or table was named that does not exist, and a *ConfigError where the
// configuration contradicts itself; what cannot be inferred is no error but a Question.
func Infer(snap *catalog.Snapshot, opts Options) (*Model, error) {
	in := &inference{
		snap: snap, opts: opts, config: opts.Config, rights: rights.New(snap),
		model: &Model{Snapshot: snap, Reader: expr.NewReader(snap), Config: opts.Config, byRelation: make(map[string]*Table)},
	}
	if in.config == nil {
		in.config = &Config{}
	}
	in.model.Rights = in.rights
	if err := in.names(); err != nil {
		return nil, err
	}
	in.tables()
	in.evidence()
	in.keys()
	in.roots()
	in.assignKeys()
	in.lookUps()
	in.nameRoles()
	in.nameContexts()
	in.classify()
	if err := in.configure(); err != nil {
		return nil, err
	}
	in.ownRows()
	in.finish()
	return in.model, nil
}

// An inference is one run of Infer: each step fills in what the next ones read.
type inference struct {
	snap   *catalog.Snapshot
	opts   Options
	config *Config
	rights *rights.Rights
	model  *Model
	found  *finder

	spellings   map[string]bool          // columns that are the tenant key
	readsTenant map[string]bool          // reads that the tenant key is compared with
	perPerson   bool                     // whether the tenant key is only ever compared with a person
	given       bool                     // whether spellings were told, not inferred
	rootOf      map[string]string        // root table → its identifying column
	members     map[string]int           // tables with a key in which policies find a person's rows → how many policies
	compared    map[string][]*comparison // table → what its policies compare
}

// names checks every name that was given.
func (in *inference) names() error {
	for _, s := range in.schemas() {
		if in.snap.Namespace(s) == nil {
			var known []string
			for i := range in.snap.Schemas {
				known = append(known, in.snap.Schemas[i].Name)
			}
			return unknownName("schema", s, known)
		}
	}
	for _, name := range in.namedRoles() {
		if in.snap.Role(name) == nil && name != in.config.Plan.ApplicationRole { // the plan makes that one
			return unknownName("role", name, in.roleNames())
		}
	}
	return in.columnNames()
}

func (in *inference) schemas() []string {
	if len(in.opts.Schemas) > 0 {
		return in.opts.Schemas
	}
	return in.config.Schemas
}

func (in *inference) namedRoles() []string {
	out := slices.Clone(in.opts.AppRoles)
	for _, kind := range [...]RoleKind{Application, OwnerRole, Service} {
		out = append(out, in.config.Roles[string(kind)]...)
	}
	return out
}

func (in *inference) roleNames() []string {
	var known []string
	for i := range in.snap.Roles {
		if !in.snap.Roles[i].Predefined {
			known = append(known, in.snap.Roles[i].Name)
		}
	}
	return known
}

// columnNames checks the tenant columns that were given: each must be a column of some table.
func (in *inference) columnNames() error {
	given := in.opts.TenantColumns
	if len(given) == 0 {
		given = in.config.TenantColumns
	}
	if len(given) == 0 {
		return nil
	}
	known := make(map[string]bool)
	for i := range in.snap.Relations {
		if r := &in.snap.Relations[i]; in.wanted(r) {
			for _, c := range r.Columns {
				known[c.Name] = true
			}
		}
	}
	in.spellings, in.given = make(map[string]bool), true
	for _, name := range given {
		if !known[name] {
			return unknownName("tenant column", name, sortedKeys(known))
		}
		in.spellings[name] = true
	}
	return nil
}

func sortedKeys(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// wanted reports whether a relation holds rows of the product: a table of any kind that is not the system's, an extension's or ours.
func (in *inference) wanted(r *catalog.Relation) bool {
	if r.System || r.Extension != "" || r.Schema == ownSchema || r.Persistence == "temporary" {
		return false
	}
	if r.Kind != catalog.Table && r.Kind != catalog.Partitioned && r.Kind != catalog.Foreign {
		return false
	}
	only := in.schemas()
	return len(only) == 0 || slices.Contains(only, r.Schema)
}

// tables lists the tables of the model.
func (in *inference) tables() {
	for i := range in.snap.Relations {
		if r := &in.snap.Relations[i]; in.wanted(r) {
			t := &Table{Relation: r, Class: Unclassified}
			in.model.Tables = append(in.model.Tables, t)
			in.model.byRelation[r.Identity()] = t
		}
	}
	sort.Slice(in.model.Tables, func(i, j int) bool {
		return in.model.Tables[i].Relation.Identity() < in.model.Tables[j].Relation.Identity()
	})
}

// evidence asks the policies what they compare with the context.
func (in *inference) evidence() {
	in.found = &finder{snap: in.snap, reader: in.model.Reader, sentinels: make(map[string]int), helpers: make(map[*catalog.Function]bool), inSession: make(map[string][]read)}
	in.compared = make(map[string][]*comparison)
	for _, t := range in.model.Tables {
		in.found.policiesOf(t.Relation)
	}
	in.model.helpers = maps.Clone(in.found.helpers)
	for i := range in.found.comparisons {
		c := &in.found.comparisons[i]
		in.compared[c.rel.Identity()] = append(in.compared[c.rel.Identity()], c)
	}
}

// ask adds a question.
func (in *inference) ask(about string, candidates []string, why string, args ...any) {
	in.model.Questions = append(in.model.Questions, Question{About: about, Candidates: candidates, Why: fmt.Sprintf(why, args...)})
}

// finish puts the model in order.
func (in *inference) finish() {
	for value := range in.found.sentinels {
		in.model.Sentinels = append(in.model.Sentinels, value)
	}
	if len(in.config.Sentinels) > 0 {
		in.model.Sentinels = slices.Clone(in.config.Sentinels)
	}
	sort.Strings(in.model.Sentinels)
	sort.SliceStable(in.model.Questions, func(i, j int) bool { return in.model.Questions[i].About < in.model.Questions[j].About })
	counts := make(map[string]int)
	types := make(map[uint32]int)
	for _, t := range in.model.Tables {
		if !t.Class.Tenant() || t.Class == Root {
			continue
		}
		for _, k := range t.Key {
			counts[k]++
			if c := t.Relation.ColumnByName(k); c != nil {
				types[in.model.Reader.BaseType(c.TypeOID)]++
			}
		}
	}
	in.model.TenantColumns = byCount(counts)
	in.model.KeyType = commonest(types)
	for i := range in.snap.Types {
		if t := &in.snap.Types[i]; in.config.TenantType != "" && (t.Format == in.config.TenantType || t.Name == in.config.TenantType) {
			in.model.KeyType = t.OID
		}
	}
}

func byCount(counts map[string]int) []string {
	out := make([]string, 0, len(counts))
	for name := range counts {
		out = append(out, name)
	}
	sort.Slice(out, func(i, j int) bool {
		if counts[out[i]] != counts[out[j]] {
			return counts[out[i]] > counts[out[j]]
		}
		return out[i] < out[j]
	})
	return out
}

func commonest(counts map[uint32]int) uint32 {
	var best uint32
	for oid, n := range counts {
		if n > counts[best] || n == counts[best] && oid < best {
			best = oid
		}
	}
	return best
}
