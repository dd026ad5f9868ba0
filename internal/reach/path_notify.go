package reach

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// notified yields the ways to rows whose values a trigger sends by NOTIFY: LISTEN needs no privilege and knows no policy, so that every
// role that may connect hears them. They come to who listens at the time, and not to who asks: cells of kind inference.
func (w *walker) notified(app string, rel *catalog.Relation) {
	t := w.m.Table(rel.Identity())
	if t == nil || !t.Class.Tenant() || !w.m.Rights.Database(app, "CONNECT") {
		return
	}
	for i := range rel.Triggers {
		g := &rel.Triggers[i]
		f := w.m.Snapshot.Function(g.Function)
		if f == nil || f.System || g.Enabled == "disabled" || !strings.Contains(strings.ToLower(f.Source), "notify") {
			continue // a body is read only where it may send
		}
		b, err := w.m.Reader.Body(f)
		if err != nil {
			continue // the rule of package audit says that it could not be read
		}
		if Notifies(b, rel, t.Key) == nil {
			continue
		}
		way := Way{Role: app, As: app, CurrentUser: app, Relation: rel, Command: Select, Kind: Inference, Privileged: true,
			Path: Path{{Via: "trigger", Name: g.Identity(rel)}}, Unbound: "the trigger sends values of the row by NOTIFY, and LISTEN needs no privilege"}
		way.Old, way.New = free(Select)
		w.emitOnce(way)
	}
}
