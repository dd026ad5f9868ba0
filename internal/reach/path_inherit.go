package reach

import "github.com/ringfencehq/ringfence/internal/catalog"

// parents yields the ways to an inheritance child's rows through its parents: a query of the parent reads the child's rows under
// the parent's privileges and policies alone. Partitions are left out: their rows are the parent's, whose own cells say it.
func (w *walker) parents(app, role string, rel *catalog.Relation, path Path) {
	if rel.Partition != nil || len(rel.Parents) == 0 {
		return
	}
	for _, name := range w.ancestors(rel) {
		parent := w.m.Snapshot.Relation(name)
		if parent == nil || !w.m.Rights.Schema(role, parent.Schema, "USAGE") {
			continue
		}
		for _, v := range verbs {
			switch v.command {
			case Select, Update, Delete, Truncate:
			default:
				continue
			}
			h := w.holds(role, parent, v)
			if !h.Held || v.variant == "copy" { // COPY reads the parent's own rows only
				continue
			}
			way := Way{Role: app, As: role, CurrentUser: role, Relation: rel, Command: v.command, Variant: v.variant, Kind: v.kind,
				Path: joinPath(path, Hop{Via: "parent", Name: name}, nil), Privileged: true, Columns: h.Columns}
			if why, ok := unboundCommands[v.command]; ok {
				way.Unbound = why
				way.Old, way.New = free(v.command)
			} else {
				way.apply(w.bound(role, parent, v.command, v.variant))
			}
			w.emitOnce(way)
		}
	}
}

// ancestors returns the identities of all that rel inherits from, nearest first.
func (w *walker) ancestors(rel *catalog.Relation) []string {
	var out []string
	seen := make(map[string]bool)
	queue := append([]string(nil), rel.Parents...)
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		out = append(out, name)
		if p := w.m.Snapshot.Relation(name); p != nil {
			queue = append(queue, p.Parents...)
		}
	}
	return out
}
