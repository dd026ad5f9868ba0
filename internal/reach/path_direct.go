package reach

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/rights"
)

// A verb is a command in one variant: one cell of a relation.
type verb struct {
	command Command
	variant string
	kind    string
	since   int // version_num of the first server that has it
}

// The kinds of cells.
const (
	Isolation = "isolation"
	Inference = "inference"
)

// verbs are the cells of every table, in the order in which they are listed.
var verbs = []verb{
	{command: Select, kind: Isolation},
	{command: Select, variant: "copy", kind: Isolation},
	{command: Insert, kind: Isolation},
	{command: Insert, variant: "on_conflict", kind: Isolation},
	{command: Insert, variant: "copy", kind: Isolation},
	{command: Update, kind: Isolation},
	{command: Update, variant: "blind", kind: Isolation},
	{command: Update, variant: "move", kind: Isolation},
	{command: Delete, kind: Isolation},
	{command: Delete, variant: "blind", kind: Isolation},
	{command: Merge, kind: Isolation, since: 150000},
	{command: Truncate, kind: Isolation},
	{command: References, kind: Inference},
	{command: Trigger, kind: Isolation},
	{command: Maintain, kind: Inference, since: 170000},
}

// unboundCommands say why row security has no say over a command.
var unboundCommands = map[Command]string{
	Truncate:   "TRUNCATE is not subject to row security",
	Trigger:    "a trigger of one's own sees every row that anybody writes",
	References: "foreign keys look at rows without row security",
	Maintain:   "maintenance is not subject to row security",
}

// direct yields the ways of a role by itself, at one relation: one for every verb, privileged or not.
func (w *walker) direct(app string, rel *catalog.Relation) {
	for _, v := range verbs {
		if v.since > w.version {
			continue
		}
		w.emit(w.directWay(app, app, rel, v, nil))
	}
}

// directWay is the way of running one verb on rel as a role, with the hops that led to the role.
func (w *walker) directWay(app, role string, rel *catalog.Relation, v verb, path Path) Way {
	out := Way{
		Role: app, As: role, CurrentUser: role, Relation: rel, Command: v.command, Variant: v.variant, Kind: v.kind, Path: path,
	}
	h := w.holds(role, rel, v)
	if !h.Held {
		return out
	}
	out.Privileged, out.Columns = true, h.Columns
	if why, ok := unboundCommands[v.command]; ok {
		out.Unbound = why
		out.Old, out.New = free(v.command)
	} else {
		f := w.bound(role, rel, v.command, v.variant)
		out.apply(f)
		if v.variant == "move" && f.unbound == "" {
			f.old = w.policies(rel, role, Update).using
		}
		w.carry(&out, f.old)
	}
	out.Path = w.inheritHop(out.Path, role, rel, h, out.Unbound)
	return out
}

// apply takes over what filters the way.
func (w *Way) apply(f filter) {
	w.Old, w.New, w.Policies, w.Unbound, w.Opaque, w.roles = f.old, f.new, f.policies, f.unbound, f.opaque, f.roles
}

// inheritHop adds the inherited role that the privilege, or the exemption from row security, comes from.
func (w *walker) inheritHop(path Path, role string, rel *catalog.Relation, h rights.Holding, unbound string) Path {
	via := h.Via
	if unbound == "the owner is not forced" {
		via = rel.Owner
	}
	if via == "" || via == role || w.m.Rights.Superuser(role) {
		return path
	}
	return append(append(Path(nil), path...), Hop{Via: "inherit", Name: via})
}

// holds returns the privilege that a verb needs, with usage of the schema.
func (w *walker) holds(role string, rel *catalog.Relation, v verb) rights.Holding {
	r := w.m.Rights
	if !r.Schema(role, rel.Schema, "USAGE") {
		return rights.Holding{}
	}
	h := r.Relation(role, rel, string(v.command))
	switch {
	case rel.Kind == catalog.MatView && v.command != Select && v.command != Maintain:
		return rights.Holding{}
	case v.command == Select && v.variant == "copy" && (rel.Kind == catalog.Foreign || rel.Kind == catalog.MatView):
		return rights.Holding{} // COPY reads tables only
	case v.command == Merge:
		return w.holdsMerge(role, rel)
	case !h.Held:
		return h
	case v.variant == "on_conflict":
		if u := r.Relation(role, rel, "UPDATE"); !u.Held || !r.Relation(role, rel, "SELECT").Held || rel.Kind == catalog.Foreign {
			return rights.Holding{}
		}
	case (v.command == Update || v.command == Delete) && v.variant == "":
		if !r.Relation(role, rel, "SELECT").Held {
			return rights.Holding{}
		}
	case v.command == Trigger && rel.Kind == catalog.Foreign:
		return h
	}
	return h
}

// holdsMerge: MERGE needs to read, and one of the rights to change; who may not insert changes the columns that he may update.
func (w *walker) holdsMerge(role string, rel *catalog.Relation) rights.Holding {
	r := w.m.Rights
	if rel.Kind == catalog.Foreign || !r.Relation(role, rel, "SELECT").Held {
		return rights.Holding{}
	}
	if h := r.Relation(role, rel, "INSERT"); h.Held {
		h.Columns = nil
		return h
	}
	if h := r.Relation(role, rel, "UPDATE"); h.Held {
		return h
	}
	h := r.Relation(role, rel, "DELETE")
	h.Columns = []string{}
	return h
}
