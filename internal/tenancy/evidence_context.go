package tenancy

import (
	"slices"
	"sort"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// nameContexts lists the ways in which the database learns the tenant, most used first. What is told comes first of all.
func (in *inference) nameContexts() {
	byKey := make(map[string]*Context)
	policies := make(map[string]map[int]bool)
	all := slices.Concat(in.found.comparisons, in.found.apart)
	for i := range all {
		c := &all[i]
		if !in.tells(c) {
			continue
		}
		for _, r := range c.reads {
			in.count(byKey, policies, c, r)
		}
		if c.member != "" {
			in.count(byKey, policies, c, read{kind: "membership", name: c.member})
		}
	}
	for i := range in.found.joints {
		for _, r := range in.found.joints[i].parentTenantRaw {
			in.count(byKey, policies, &comparison{policy: -1 - i}, r)
		}
	}
	in.throughMembers(byKey, policies)
	for key, c := range byKey {
		c.Uses = len(policies[key])
		in.model.Contexts = append(in.model.Contexts, *c)
	}
	in.fromFunctions()
	sortContexts(in.model.Contexts)
	in.told()
}

// throughMembers adds, where nothing that was found names a tenant, the tables in which helpers of the policies look a person's
// tenants up: is_member(account_id) says it as account_id IN (SELECT …) does.
func (in *inference) throughMembers(byKey map[string]*Context, policies map[string]map[int]bool) {
	for _, c := range byKey {
		if !c.Principal {
			return
		}
	}
	for name, uses := range in.members {
		in.addContext(byKey, policies, 0, Context{Kind: "membership", Name: name, Why: "policies find a person's tenants in it"})
		for i := range uses {
			policies["membership\x00"+name+"\x00"][i] = true
		}
	}
}

// tells reports whether what is compared is a tenant key, or the only thing there is: a share token or a flag is no context.
func (in *inference) tells(c *comparison) bool {
	t := in.model.byRelation[c.rel.Identity()]
	if t == nil || len(t.Key) == 0 {
		return c.exact
	}
	for _, k := range t.Key {
		if k == c.column {
			return true
		}
	}
	return c.principal() && personal(c.column)
}

func (in *inference) count(byKey map[string]*Context, policies map[string]map[int]bool, c *comparison, r read) {
	if r.kind == "session" && r.table == "" {
		return
	}
	name, kind, why := r.name, r.kind, "policies compare the tenant key with it"
	if r.table != "" && c.member == "" {
		in.addContext(byKey, policies, c.policy, Context{Kind: "session_table", Name: r.table, Why: "policies look the tenant up in it"})
		why = "it selects the row of " + r.table + " that says the tenant"
	}
	principal := r.principal() || c.member != "" && kind != "membership" || c.principal()
	if r.table != "" && c.member == "" && kind != "session" {
		principal = true // it names a session, not a tenant
	}
	if c.member == "" && r.table == "" && in.isKey(c) {
		principal = false // each person is a tenant
	}
	if kind == "membership" {
		principal, why = false, "policies find a person's tenants in it"
	}
	switch {
	case r.table != "" && c.member == "":
	case principal:
		why = "policies compare a person with it"
	}
	if kind == "session" {
		kind = "user"
	}
	in.addContext(byKey, policies, c.policy, Context{Kind: kind, Name: name, Path: r.path, Why: why, Principal: principal, Signed: r.signed})
}

// isKey reports whether what is compared is its table's tenant key.
func (in *inference) isKey(c *comparison) bool {
	if c.rel == nil {
		return false
	}
	t := in.model.byRelation[c.rel.Identity()]
	return t != nil && slices.Contains(t.Key, c.column)
}

func (in *inference) addContext(byKey map[string]*Context, policies map[string]map[int]bool, policy int, c Context) {
	key := c.Kind + "\x00" + c.Name + "\x00" + strings.Join(c.Path, "\x00")
	if byKey[key] == nil {
		byKey[key] = &c
		policies[key] = make(map[int]bool)
	}
	byKey[key].Signed = byKey[key].Signed && c.Signed // one policy that takes it as it is spoils it
	policies[key][policy] = true
}

// fromFunctions looks, where no policy says, for settings that functions read and that are called as a tenant is.
func (in *inference) fromFunctions() {
	if len(in.model.Contexts) > 0 {
		return
	}
	uses := make(map[string]int)
	for i := range in.snap.Functions {
		f := &in.snap.Functions[i]
		if f.System || f.Extension != "" || f.Schema == ownSchema || f.Body == nil && !strings.Contains(f.Source, "current_setting") {
			continue
		}
		in.found.body(f, 1, func(c read) {
			if c.kind == "setting" && tenantWeight(lastPart(c.name)) > 40 {
				uses[c.name]++
			}
		})
	}
	for name := range uses {
		in.model.Contexts = append(in.model.Contexts, Context{Kind: "setting", Name: name, Why: "a function reads it, and its name is a tenant's; no policy does"})
	}
	for _, s := range in.snap.Settings {
		if s.Role != "" && !slices.Contains(in.model.Applications(), s.Role) || s.Database != "" && s.Database != in.snap.Server.Database {
			continue
		}
		if uses[s.Name] == 0 && strings.Contains(s.Name, ".") && tenantWeight(lastPart(s.Name)) > 40 {
			uses[s.Name] = 1
			in.model.Contexts = append(in.model.Contexts, Context{Kind: "setting", Name: s.Name, Why: "a role or database sets it, and its name is a tenant's; no policy reads it"})
		}
	}
}

func lastPart(setting string) string { return setting[strings.LastIndexByte(setting, '.')+1:] }

func sortContexts(all []Context) {
	rank := map[string]int{"setting": 0, "claim": 0, "role": 1, "session_table": 2, "membership": 3, "user": 4}
	sort.Slice(all, func(i, j int) bool {
		a, b := all[i], all[j]
		switch {
		case a.Principal != b.Principal:
			return !a.Principal
		case rank[a.Kind] != rank[b.Kind]:
			return rank[a.Kind] < rank[b.Kind]
		case a.Uses != b.Uses:
			return a.Uses > b.Uses
		case a.legacy() != b.legacy():
			return b.legacy()
		}
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		return strings.Join(a.Path, ".") < strings.Join(b.Path, ".")
	})
}

// legacy reports whether the setting is one in which PostgREST before 9 (December 2021) put the token, and no later one unless it is
// told to: helpers still ask it first.
func (c *Context) legacy() bool {
	return c.Name == "request.jwt.claim" || strings.HasPrefix(c.Name, "request.jwt.claim.")
}

// told puts the context that was named first.
func (in *inference) told() {
	names := []string{in.opts.Context}
	if in.opts.Context == "" {
		names = append([]string{in.config.Context}, in.config.Contexts...)
	}
	var first []Context
	for _, name := range names {
		if name == "" {
			continue
		}
		c := parseContext(name)
		for i := range in.model.Contexts {
			o := &in.model.Contexts[i]
			if o.Kind == c.Kind && o.Name == c.Name && strings.Join(o.Path, ".") == strings.Join(c.Path, ".") {
				c = *o
				in.model.Contexts = append(in.model.Contexts[:i], in.model.Contexts[i+1:]...)
				break
			}
		}
		first = append(first, c)
	}
	in.model.Contexts = append(first, in.model.Contexts...)
}

// parseContext reads a context as ringfence.yaml writes it: a setting's name, "signed", or claim:SETTING#path.to.it.
func parseContext(text string) Context {
	if text == "signed" {
		return Context{Kind: "setting", Name: SignedContext, Signed: true, Why: "named in the configuration"}
	}
	if rest, ok := strings.CutPrefix(text, "claim:"); ok {
		setting, path, _ := strings.Cut(rest, "#")
		c := Context{Kind: "claim", Name: setting, Why: "named in the configuration"}
		if path != "" {
			c.Path = strings.Split(path, ".")
		}
		return c
	}
	return Context{Kind: "setting", Name: text, Why: "named in the configuration"}
}

// SignedContext is the setting that carries a signed token.
const SignedContext = "ringfence.token"

// bodyOf returns the statements of a function's body, or nil where they cannot be read.
func (f *finder) bodyOf(fn *catalog.Function) []*expr.Query {
	b, err := f.reader.Body(fn)
	if err != nil || b == nil {
		return nil
	}
	return b.Statements
}
