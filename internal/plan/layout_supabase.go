package plan

var supabase = Layout{
	Name: "supabase",
	Doc: `files for "supabase db push": supabase/migrations/TIME_NAME.sql

The tool sends a file's statements together, which is one transaction; what cannot run in one stands alone in its file. It knows no
way back.`,
	files: func(m migration) map[string]string {
		return map[string]string{
			"supabase/migrations/" + m.time.Format("20060102150405") + "_" + m.slug + ".sql": m.about() + text(m.body(m.up)),
		}
	},
}
