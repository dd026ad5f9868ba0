package ringfence

import (
	"errors"
	"math/rand/v2"
	"testing"

	pgquery "github.com/wasilibs/go-pgquery"
)

// TestCheckStatement tells what is refused, and why, from what is not.
func TestCheckStatement(t *testing.T) {
	names := []string{"app.tenant_id", "ringfence.token"}
	cases := []struct {
		sql  string
		want error
	}{
		{"", nil}, {";", nil}, {"select 1", nil}, {"select 1;", nil}, {"select 1; -- end", nil}, {"(select 1)", nil},
		{"select 'commit; rollback'", nil}, {`select "commit" from t`, nil}, {"select $$ commit; $$", nil}, {"select $a$ ; commit $$ $a$", nil},
		{"select 1 /* ; commit */", nil}, {"select 1 -- ; commit", nil}, {"select E'it\\'s; commit'", nil}, {"select 'it''s; commit'", nil},
		{"select $1, $2", nil}, {"select a$b, c$$d$$ from t", nil}, {"with x as (select 1) select * from x", nil}, {"insert into t values (1)", nil},
		{"update t set commit = 1", nil}, {"call p()", nil}, {"do $$ begin perform 1; end $$", nil}, {"notify c", nil}, {"lock table t", nil},
		{"BEGIN", errControl}, {"begin", errControl}, {"BeGiN work", errControl}, {"start transaction", errControl}, {"commit", errControl},
		{"COMMIT AND CHAIN", errControl}, {"end", errControl}, {"rollback", errControl}, {"abort", errControl}, {"savepoint a", errControl},
		{"release a", errControl}, {"rollback to a", errControl}, {"prepare transaction 'x'", errControl}, {"commit prepared 'x'", errControl},
		{"prepare x as select 1", errControl}, {"set transaction read write", errControl}, {"set local transaction read write", errControl},
		{" \t\r\n\f\vcommit", errControl}, {"/* a */commit", errControl}, {"/* /* nested */ */commit", errControl}, {"-- x\ncommit", errControl},
		{"--\rcommit", errControl}, {"; commit", errControl}, {";;/**/;commit;", errControl}, {"/*/**/*/commit", errControl},
		{"select 1; commit", errSeveral}, {"select 1;select 2", errSeveral}, {"select $$a$$; commit", errSeveral}, {"select E'\\\\'; commit --'", errSeveral},
		{"select '\\'; commit --'", errSeveral}, {"select 1$a$ $a$; commit", errSeveral}, {"select /* ' */ 1; commit --'", errSeveral},
		{"select U&'a'; commit", errSeveral}, {`select "a""; b"; commit`, errSeveral}, {"select 1E'\\' '; commit; --", errSeveral}, {"select $1E'\\' '; commit; --", errSeveral},
		{"set x = 1", errSession}, {"set session x = 1", errSession}, {"SET/**/x to 1", errSession}, {"set role a", errSession}, {"set session authorization a", errSession},
		{"reset all", errSession}, {"reset app.tenant_id", errSession}, {"discard all", errSession}, {"listen c", errSession}, {"unlisten *", errSession},
		{"deallocate all", errSession}, {"load 'x'", errSession}, {"alter role a set app.tenant_id = 'x'", errSession}, {"alter user a reset all", errSession},
		{"alter database d set x = 1", errSession}, {"alter system set x = 1", errSession}, {"alter table t add c int", nil},
		{"set local x = 1", nil}, {"set local statement_timeout to '1s'", nil}, {"set constraints all deferred", nil}, {"set local time zone 'UTC'", nil},
		{"set local app.user_id = 'x'", nil}, {"set local app.tenant_id = 'x'", errContext}, {"SET LOCAL APP.Tenant_ID TO 'x'", errContext},
		{`set local "app"."tenant_id" = 'x'`, errContext}, {"set local app /* */ . tenant_id = 'x'", errContext}, {"set local ringfence.token = ''", errContext},
		{`set local U&"\0061pp".tenant_id = 'x'`, errUnicode}, {"set local role a", errRole}, {"set local session authorization a", errRole}, {"set local role = a", errRole},
		{"select set_config('app.user_id', $1, true)", nil}, {"select set_config('app.user_id', lower(f($1, 2)), true)", nil}, {"select set_config from t", nil},
		{"select set_config('app.user_id', $1, false)", errSetConfig}, {"select set_config('app.user_id', $1, $2)", errSetConfig},
		{"select set_config('app.user_id', $1, true or false)", errSetConfig}, {"select set_config('app.user_id', $1, not true)", errSetConfig},
		{"select set_config('app.tenant_id', $1, true)", errContext}, {"select pg_catalog.set_config('APP.tenant_id', $1, true)", errContext},
		{`select "set_config"('app.tenant_id', $1, true)`, errContext}, {"select set_config ( /* */ 'app.tenant_id', $1, true)", errContext},
		{"select set_config($1, $2, true)", errSetConfig}, {"select set_config('app.' || 'tenant_id', $1, true)", errSetConfig},
		{"select set_config('app.'\n'tenant_id', $1, true)", errSetConfig}, {"select set_config(E'app.tenant_id', $1, true)", errSetConfig},
		{"select set_config(setting_name => 'app.tenant_id', new_value => $1, is_local => true)", errSetConfig}, {"select set_config('role', 'x', true)", errRole},
		{`select U&"\0073et_config"('app.tenant_id', $1, true)`, errUnicode}, {"insert into t select set_config('app.tenant_id', $1, true)", errContext},
		{"update pg_settings set setting = 'x' where name = 'app.tenant_id'", errSession}, {`with x as (select 1) update pg_catalog."pg_settings" set setting = 'x'`, errSession},
		{"select * from pg_settings", nil}, {"copy t from stdin", errCopy}, {"copy (select 1) to stdout", errCopy},
		{"select pg_advisory_lock(1)", errAdvisory}, {"select pg_catalog.pg_try_advisory_lock(1)", errAdvisory}, {"select pg_advisory_xact_lock(1)", nil},
		{"create temp table x as select * from t", errTemporary}, {"create temporary table x (a int)", errTemporary}, {"create local temp table x (a int)", errTemporary},
		{"create or replace temp view v as select 1", errTemporary}, {"create table pg_temp.x (a int)", errTemporary}, {"select * into temp x from t", errTemporary},
		{"select * into pg_temp.x from t", errTemporary}, {"create temp table x on commit drop as select 1", nil}, {"create temp table x (a int) on commit delete rows", errTemporary},
		{"declare c cursor with hold for select 1", errTemporary}, {"declare c cursor for select 1", nil}, {"declare c cursor without hold for select 1", nil},
		{"insert into temp values (1)", nil}, {"select temp from weather", nil}, {"insert into x select temp from weather", nil}, {"create table x (temp int)", nil},
	}
	for _, c := range cases {
		if got := checkStatement(c.sql, names); !errors.Is(got, c.want) {
			t.Errorf("%s\n got  %v\n want %v", c.sql, got, c.want)
		}
	}
}

// TestCheckStatementAgrees asks PostgreSQL's own parser about statements put together at random from what lexers trip
// over: what is let through is one statement, no transaction control, and sets nothing for the session.
func TestCheckStatementAgrees(t *testing.T) {
	pieces := []string{"select ", "1", "'", "''", "\\", "$$", "$a$", "$1", "a", "E'", "U&'", "\"", "U&\"", "/*", "*/", "--", "\n", "\r", ";", " commit", "; commit",
		"; rollback --", " ", "N'", "x'", "1E", "e5", ".", "set local app.tenant_id = 'x'", "set x = 1", "(", ")", "commit", "-", "/", "*", "é", "as \"b\"", "\v"}
	r := rand.New(rand.NewPCG(5, 17))
	names := []string{"app.tenant_id"}
	parsed, through := 0, 0
	for range 10_000 {
		sql := []string{"select 1 ", "", "select "}[r.IntN(3)]
		for range 1 + r.IntN(9) {
			sql += pieces[r.IntN(len(pieces))]
		}
		err := checkStatement(sql, names)
		tree, invalid := pgquery.Parse(sql)
		if invalid != nil {
			continue // the server refuses it too
		}
		parsed++
		if err != nil {
			continue
		}
		through++
		for _, s := range tree.Stmts {
			set := s.Stmt.GetVariableSetStmt()
			if len(tree.Stmts) > 1 || s.Stmt.GetTransactionStmt() != nil || set != nil && (!set.IsLocal || set.Name == "app.tenant_id") {
				t.Errorf("%q was let through", sql)
			}
		}
	}
	if parsed < 500 || through < 150 {
		t.Errorf("%d statements were valid and %d let through: this tests too little", parsed, through)
	}
}

func BenchmarkCheckStatement(b *testing.B) {
	const sql = "SELECT c.id, c.body, a.name FROM calls c JOIN agents a ON a.id = c.agent_id WHERE c.started_at > $1 AND c.state = 'open' ORDER BY c.started_at LIMIT 50"
	names := []string{"app.tenant_id"}
	b.ReportAllocs()
	for b.Loop() {
		if err := checkStatement(sql, names); err != nil {
			b.Fatal(err)
		}
	}
}
