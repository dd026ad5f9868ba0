package prove

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// persons is the shape of many a product: organisations by membership, asked for by definers; what hangs on a project hangs on its
// organisation; a profile is its person's; whoever signs up founds an organisation. A comment's check asks for its author alone.
const persons = `
CREATE FUNCTION uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
CREATE TABLE users (id uuid PRIMARY KEY);
CREATE TABLE organizations (id uuid PRIMARY KEY, owner_id uuid NOT NULL REFERENCES users);
CREATE TABLE memberships (organization_id uuid NOT NULL REFERENCES organizations, user_id uuid NOT NULL REFERENCES users, role text NOT NULL, PRIMARY KEY (organization_id, user_id));
CREATE TABLE projects (id uuid PRIMARY KEY, organization_id uuid NOT NULL REFERENCES organizations);
CREATE TABLE tasks (id uuid PRIMARY KEY, project_id uuid NOT NULL REFERENCES projects, assignee uuid REFERENCES users);
CREATE TABLE comments (id uuid PRIMARY KEY, task_id uuid NOT NULL REFERENCES tasks, author_id uuid NOT NULL REFERENCES users);
CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES users, name text);
CREATE FUNCTION is_member(org uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$ SELECT EXISTS (SELECT 1 FROM public.memberships WHERE organization_id = org AND user_id = public.uid()) $$;
CREATE FUNCTION has_role(org uuid, r text) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$ BEGIN RETURN EXISTS (SELECT 1 FROM public.memberships m WHERE m.organization_id = org AND m.user_id = public.uid() AND m.role = r); END $$;
CREATE FUNCTION my_orgs() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$ SELECT organization_id FROM public.memberships WHERE user_id = public.uid() $$;
DO $$ DECLARE t text; BEGIN FOREACH t IN ARRAY '{organizations,memberships,projects,tasks,comments,profiles}'::text[] LOOP
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY; GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO {app}', t, t); END LOOP; END $$;
CREATE POLICY r ON organizations FOR SELECT USING (is_member(id));
CREATE POLICY w ON organizations FOR INSERT WITH CHECK (owner_id = uid());
CREATE POLICY u ON organizations FOR UPDATE USING (has_role(id, 'admin')) WITH CHECK (has_role(id, 'admin'));
CREATE POLICY r ON memberships FOR SELECT USING (organization_id IN (SELECT my_orgs()));
CREATE POLICY w ON memberships FOR INSERT WITH CHECK (has_role(organization_id, 'admin'));
CREATE POLICY d ON memberships FOR DELETE USING (has_role(organization_id, 'admin') OR user_id = uid());
CREATE POLICY p ON projects USING (is_member(organization_id));
CREATE POLICY p ON tasks USING (EXISTS (SELECT FROM projects p WHERE p.id = project_id)) WITH CHECK (EXISTS (SELECT FROM projects p WHERE p.id = project_id AND is_member(p.organization_id)));
CREATE POLICY p ON comments USING (EXISTS (SELECT FROM tasks t JOIN projects p ON p.id = t.project_id WHERE t.id = task_id AND p.organization_id IN (SELECT my_orgs()))) WITH CHECK (author_id = uid());
CREATE POLICY p ON profiles USING (id = uid());
`

// TestPersons has no false alarm on it, and finds the comment that anybody may put under another organisation's task. Where a look-up is
// not tied to the row, the row of another one is found again.
func TestPersons(t *testing.T) {
	for name, c := range map[string]struct {
		also string
		want []string
	}{
		"as it is": {"", []string{"leak public.comments  no: INSERT UPDATE(blind) UPDATE(move)", "unproven public.comments  : MERGE"}},
		// a task that may be moved takes its comments along
		"a task of any project": {"ALTER POLICY p ON tasks USING (EXISTS (SELECT FROM projects p WHERE is_member(p.organization_id)))", []string{
			"leak public.comments  no: DELETE DELETE(blind) INSERT INSERT(on_conflict) SELECT SELECT(copy) UPDATE UPDATE(blind) UPDATE(move)",
			"leak public.tasks  no: DELETE DELETE(blind) INSERT(on_conflict) MERGE SELECT SELECT(copy) UPDATE UPDATE(blind)", "unproven public.comments  : MERGE"}},
		"a profile for all": {"CREATE POLICY q ON profiles FOR SELECT USING (name IS NOT NULL)", []string{
			"leak public.comments  no: INSERT UPDATE(blind) UPDATE(move)", "leak public.profiles  no: SELECT SELECT(copy)", "unproven public.comments  : MERGE"}},
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.DB(t)
			app := db.Role(t, "app", "LOGIN")
			pgtest.LoadSQL(t, db, strings.ReplaceAll(persons+c.also, "{app}", pg.Ident(app)))
			_, cells := executed(t, db, app)
			if diff := cmp.Diff(c.want, told(cells)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPersonGoes deletes a person who is a member of two tenants: the foreign key takes along what hangs on it in the other one. Who may
// delete nobody, or whose key keeps what refers to it, takes nothing along.
func TestPersonGoes(t *testing.T) {
	const shared = `
CREATE TABLE teams (id uuid PRIMARY KEY);
CREATE TABLE users (id uuid PRIMARY KEY, name text);
CREATE TABLE team_members (team_id uuid NOT NULL REFERENCES teams, user_id uuid NOT NULL REFERENCES users ON DELETE {action}, PRIMARY KEY (team_id, user_id));
CREATE TABLE invitations (team_id uuid NOT NULL REFERENCES teams, id uuid NOT NULL, user_id uuid REFERENCES users ON DELETE {action}, PRIMARY KEY (team_id, id));
ALTER TABLE teams ENABLE ROW LEVEL SECURITY; ALTER TABLE users ENABLE ROW LEVEL SECURITY; ALTER TABLE team_members ENABLE ROW LEVEL SECURITY; ALTER TABLE invitations ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON teams USING (id = nullif(current_setting('app.team_id', true), '')::uuid);
CREATE POLICY p ON team_members USING (team_id = nullif(current_setting('app.team_id', true), '')::uuid);
CREATE POLICY p ON invitations USING (team_id = nullif(current_setting('app.team_id', true), '')::uuid);
CREATE POLICY p ON users USING (EXISTS (SELECT FROM team_members m WHERE m.user_id = users.id AND m.team_id = nullif(current_setting('app.team_id', true), '')::uuid));
GRANT SELECT ON teams TO {app}; GRANT SELECT, INSERT, DELETE ON team_members, invitations TO {app}; GRANT SELECT, UPDATE (name) {delete} ON users TO {app};`
	for name, c := range map[string]struct {
		action, delete string
		want           []string
	}{
		"taken along": {"CASCADE", ", DELETE", []string{"leak public.invitations constraint no: DELETE", "leak public.team_members constraint no: DELETE"}},
		"not deleted": {"CASCADE", "", nil},
		"key says no": {"RESTRICT", ", DELETE", nil},
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.DB(t)
			app := db.Role(t, "app", "LOGIN")
			pgtest.LoadSQL(t, db, strings.NewReplacer("{app}", pg.Ident(app), "{action}", c.action, "{delete}", c.delete).Replace(shared))
			_, cells := executed(t, db, app)
			if diff := cmp.Diff(c.want, told(cells)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
