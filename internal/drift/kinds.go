package drift

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/prove"
)

// judge says what the kind of change comes to by itself; settle weighs it against what logic says.
func (j *judging) judge(old, x *item) (Direction, string) {
	some := x
	if some == nil {
		some = old
	}
	switch some.kind {
	case "grant":
		return more(old, x, "a privilege more", "a privilege less")
	case "owner":
		return owner(old, x)
	case "role", "membership":
		return flags(old, x, some.kind)
	case "row_security":
		return flagsFell(old, x)
	case "policy":
		return policy(old, x)
	case "function":
		return j.function(old, x)
	case "relation":
		return j.relation(old, x)
	case "trigger":
		return trigger(old, x)
	case "publication":
		if old != nil && x != nil {
			return Unknown, "what it publishes, or of which rows, is another"
		}
		return more(old, x, "rows leave the database without row security", "rows leave the database by one publication less")
	case "setting":
		return j.setting(old, x)
	case "column", "constraint", "index":
		return Neutral, "it gives nobody a way to rows by itself"
	case "type", "operator", "cast", "collation":
		return Neutral, "no way that logic knows has another verdict by it"
	case "user", "parameter":
		return more(old, x, "a right of the server more", "a right of the server less")
	}
	if x == nil && some.kind != "class" && some.kind != "application" && some.kind != "context" && some.kind != "rule" {
		return Neutral, "what is not there gives nobody a way"
	}
	return Unknown, reasons[some.kind]
}

// reasons say why a kind of change cannot be judged by itself.
var reasons = map[string]string{
	"rule":  "no way that logic knows leads through it",
	"class": "the table is read as another class: what is claimed of it is another", "application": "the roles taken for the application's are others: ways of a role that is not among them are not looked at",
	"context": "the tenant is known by another context", "language": "functions in it may do what nobody checks", "extension": "what it brings is not judged",
	"server": "rows leave or come by a server that is not judged", "subscription": "rows are written by replication", "event": "code runs at every change of the schema",
	"unreadable": "the session may not read it, so what changed there is not known", "large": "large objects have no row security",
}

func more(old, x *item, added, removed string) (Direction, string) {
	switch {
	case old == nil:
		return Widened, added
	case x == nil:
		return Narrowed, removed
	case len(x.text) < len(old.text):
		return Narrowed, "it is given with less"
	}
	return Widened, "it is given with more"
}

func owner(old, x *item) (Direction, string) {
	switch {
	case old == nil || x == nil:
		return Neutral, "the object is judged by itself"
	}
	return Widened, fmt.Sprintf("%s may now do all with it, switch row security off included; %s no longer may", x.text, old.text)
}

// flags judges attributes every one of which is more when it is on.
func flags(old, x *item, kind string) (Direction, string) {
	if old == nil {
		if kind == "membership" {
			return Widened, "the member has all that the role has"
		}
		if x.flags["SUPERUSER"] || x.flags["BYPASSRLS"] || x.flags["REPLICATION"] || x.flags["CREATEROLE"] {
			return Widened, "a role that row security does not bind, or that can become one"
		}
		return Neutral, "a role by itself reaches nothing; its grants and memberships are changes of their own"
	}
	if x == nil {
		return Narrowed, "one role or membership less"
	}
	var gained, lost []string
	for name, on := range x.flags {
		switch {
		case on && !old.flags[name]:
			gained = append(gained, name)
		case !on && old.flags[name]:
			lost = append(lost, name)
		}
	}
	if len(gained) > 0 {
		return Widened, "it gained " + strings.Join(sorted(gained), ", ")
	}
	return Narrowed, "it lost " + strings.Join(sorted(lost), ", ")
}

func flagsFell(old, x *item) (Direction, string) {
	if old == nil || x == nil {
		return Unknown, "it is a table no longer, or was none"
	}
	for _, name := range []string{"enabled", "forced"} {
		if old.flags[name] && !x.flags[name] {
			return Widened, "row security is no longer " + name
		}
	}
	return Narrowed, "row security binds more than before"
}

func policy(old, x *item) (Direction, string) {
	switch {
	case old != nil && x != nil:
		return Unknown, "the policy is another, and no way that logic decides shows whether it says the same"
	case old == nil && x.value.(*catalog.Policy).Permissive:
		return Widened, "a permissive policy more"
	case old == nil:
		return Narrowed, "a restrictive policy more"
	case old.value.(*catalog.Policy).Permissive:
		return Narrowed, "a permissive policy less"
	}
	return Widened, "a restrictive policy less"
}

func trigger(old, x *item) (Direction, string) {
	switch {
	case x == nil:
		return Widened, "what the trigger guarded is guarded no longer"
	case old == nil:
		return Unknown, "code runs on every write that did not run before"
	}
	was, is := old.value.(*catalog.Trigger), x.value.(*catalog.Trigger)
	if was.Enabled != is.Enabled && (is.Enabled == "disabled" || is.Enabled == "replica") {
		return Widened, "the trigger does not fire any more"
	}
	return Unknown, "the trigger does something else"
}

// relation judges tables and views that came, went or are of another make.
func (j *judging) relation(old, x *item) (Direction, string) {
	if x == nil {
		return Narrowed, "its rows are gone"
	}
	r := x.value.(*catalog.Relation)
	t := j.after.m.Table(r.Identity())
	if old == nil {
		switch {
		case t != nil && t.Class.Tenant() && !r.RowSecurity:
			return Widened, "a tenant table without row security"
		case t != nil && t.Class == "unknown":
			return Unknown, "a new table, and nobody can say whether its rows are tenants'"
		}
		return Neutral, "what is new is judged by its ways"
	}
	was := old.value.(*catalog.Relation)
	for _, option := range []string{"security_invoker", "security_barrier"} {
		on := func(r *catalog.Relation) bool {
			return r.Options[option] == "true" || r.Options[option] == "on" || r.Options[option] == "1"
		}
		if on(was) != on(r) {
			if on(was) {
				return Widened, option + " is no longer set"
			}
			return Narrowed, option + " is now set"
		}
	}
	if was.Kind != r.Kind || was.Partition != nil != (r.Partition != nil) || len(was.Parents) != len(r.Parents) {
		return Unknown, "its kind, or its place among partitions and parents, is another"
	}
	return Neutral, "its options bear on no way"
}

// setting judges ALTER ROLE … SET and ALTER DATABASE … SET.
func (j *judging) setting(old, x *item) (Direction, string) {
	some := x
	if some == nil {
		some = old
	}
	name := some.value.(string)
	for _, c := range j.after.m.Contexts {
		if c.Name == name && x != nil {
			return Widened, "sessions begin with a tenant that nobody set"
		} else if c.Name == name {
			return Narrowed, "sessions begin without a tenant"
		}
	}
	switch {
	case name == "session_replication_role" || name == "role" || name == "row_security" || name == "search_path" || strings.HasSuffix(name, "_preload_libraries"):
		return Unknown, "it changes what names mean, what fires, or who a session is"
	case strings.Contains(name, "."):
		return Unknown, "code of the application's own may read it"
	}
	return Neutral, "it does not bear on who sees which row"
}

// proved reports what logic says of all the ways that the change bears on, in both states: whether there are any, and whether
// all of the present ones are proved.
func (j *judging) proved(c *Change) (any, all bool) {
	all = true
	for _, cells := range [][]prove.Cell{j.was, j.is} {
		for i := range cells {
			e := effect(&cells[i], "", "")
			if bears(c, &e) {
				any = true
			}
		}
	}
	for i := range j.is {
		e := effect(&j.is[i], "", "")
		if bears(c, &e) && j.is[i].Verdict != prove.Proved {
			all = false
		}
	}
	return any, all
}
