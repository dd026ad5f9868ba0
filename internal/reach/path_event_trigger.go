package reach

import "github.com/ringfencehq/ringfence/internal/catalog"

// eventTriggers yields what definer functions of event triggers do when a role makes an object of its own: that needs no more than a
// temporary table.
func (w *walker) eventTriggers(app, role string, path Path) {
	for i := range w.m.Snapshot.EventTriggers {
		t := &w.m.Snapshot.EventTriggers[i]
		f := w.m.Snapshot.Function(t.Function)
		if f == nil || !f.SecurityDefiner || t.Enabled == "disabled" || t.Enabled == "replica" || f.Owner == role || !w.fires(app, role, t) {
			continue
		}
		w.body(f, stage{as: f.Owner, silent: true,
			way: Way{Role: app, CurrentUser: f.Owner, Path: joinPath(path, Hop{Via: "trigger", Name: t.Name}, nil)}}, 0)
	}
}

// fires reports whether a role can cause an event, which what the application's own role causes as well is listed for alone.
func (w *walker) fires(app, role string, t *catalog.EventTrigger) bool {
	can := func(role string) bool {
		return t.Event == "login" || w.m.Rights.Database(role, "TEMPORARY") || w.makesObjects(role)
	}
	return can(role) && (role == app || !can(app))
}
