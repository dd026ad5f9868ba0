package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// hookFile is the name by which rollout.yaml calls this program again, to answer a hook; programs names the variable that says where
// PostgreSQL's are.
const (
	hookFile = "callcenter-hook"
	programs = "CALLCENTER_PROGRAMS"
)

func appVariable(stage string) string { return strings.ToUpper(stage) + "_APP_DSN" }

// installHook links this program into the working directory under the hooks' name.
func installHook() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return os.Symlink(self, hookFile)
}

// hook answers a hook of rollout.yaml for the stage in RINGFENCE_STAGE. It looks at the system itself: nothing here says yes by itself.
func hook(ctx context.Context, args []string) int {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	stage := os.Getenv("RINGFENCE_STAGE")
	answer, known := map[string]func(context.Context, string) (string, error){
		"backup_age": func(context.Context, string) (string, error) { return readLine("backup-" + stage + ".time") },
		"p95":        func(context.Context, string) (string, error) { return readLine("p95-" + stage) }, // not there before the plan
		"restore":    restore, "disk": freeBytes, "alert": testAlert, "deploy": deploy, "revert": deploy, "health": health, "integration": integration, "workflows": workflows, "logins": logins,
	}[strings.Join(args, " ")]
	if !known {
		fmt.Fprintln(os.Stderr, "no such hook")
		return 2
	}
	line, err := answer(ctx, stage)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(line)
	return 0
}

func readLine(file string) (string, error) {
	text, err := os.ReadFile(file)
	return strings.TrimSpace(string(text)), err
}

// restore makes a database of its own from the last dump, and gives its DSN.
func restore(ctx context.Context, stage string) (string, error) {
	super := os.Getenv(variable(stage))
	conn, err := pg.Connect(ctx, super, pg.Options{SimpleProtocol: true})
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	name := fmt.Sprintf("restored_%d", time.Now().UnixNano())
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pg.Ident(name)); err != nil {
		return "", err
	}
	restored := strings.Replace(super, "///"+database(stage), "///"+name, 1)
	out, err := exec.CommandContext(ctx, filepath.Join(os.Getenv(programs), "pg_restore"), "--exit-on-error", "-d", restored, "backup-"+stage+".dump").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("restoring: %w: %s", err, out)
	}
	return restored, nil
}

// freeBytes is how much room is left where the server's data lies.
func freeBytes(ctx context.Context, stage string) (string, error) {
	conn, err := pg.Connect(ctx, os.Getenv(variable(stage)), pg.Options{})
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var dir string
	if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&dir); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "df", "-Pk", dir).Output()
	if err != nil {
		return "", fmt.Errorf("asking df: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	fields := strings.Fields(lines[len(lines)-1])
	if len(fields) < 4 {
		return "", errors.New("df does not say how much is available")
	}
	free, err := strconv.ParseInt(fields[3], 10, 64)
	return fmt.Sprint(free << 10), err
}

// testAlert fires an alert at the pager and waits until it says that it arrived.
func testAlert(ctx context.Context, stage string) (string, error) {
	body, _ := json.Marshal(map[string]string{"summary": "test alert of " + stage})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv(pagerURL), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusAccepted {
		return "", fmt.Errorf("the pager answers %s", response.Status)
	}
	return "the test alert arrived", nil
}

// deploy has nothing to bring out: this application takes its role from what it finds.
func deploy(context.Context, string) (string, error) {
	return "the application logs in by the variable of its DSN", nil
}

// application opens the application's session: as the role of the plan, or as today's where that is not there yet.
func application(ctx context.Context, stage string) (*pgx.Conn, error) {
	conn, err := pg.Connect(ctx, os.Getenv(appVariable(stage)), pg.Options{})
	if pg.SQLState(err) == "28000" { // no such role
		return pg.Connect(ctx, strings.Replace(os.Getenv(appVariable(stage)), newRole, oldRole, 1), pg.Options{})
	}
	return conn, err
}

func health(ctx context.Context, stage string) (string, error) {
	conn, err := application(ctx, stage)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	return "the application answers", conn.Ping(ctx)
}

// the organisations that the hooks ask as.
const (
	first  = "00000000-0000-4000-8000-000000000001"
	second = "00000000-0000-4000-8000-000000000002"
)

// integration has two organisations read and write each of theirs at staging, which is where the tests run for every stage.
func integration(ctx context.Context, _ string) (string, error) {
	conn, err := application(ctx, stages[0])
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	for _, tenant := range []string{first, second} {
		for _, sql := range requests {
			if err := asTenant(ctx, conn, tenant, func(tx pgx.Tx) error { _, err := tx.Exec(ctx, sql, tenant); return err }); err != nil {
				return "", err
			}
		}
	}
	return fmt.Sprintf("%d requests of two organisations were answered", 2*len(requests)), nil
}

var errUndo = errors.New("undo")

// workflows goes through campaigns, calls and recordings as one organisation, and takes back what it wrote.
func workflows(ctx context.Context, stage string) (string, error) {
	conn, err := application(ctx, stage)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	err = asTenant(ctx, conn, first, func(tx pgx.Tx) error {
		var campaign string
		if err := tx.QueryRow(ctx, "INSERT INTO callcenter.campaigns (organization_id, name, status) VALUES ($1, 'Check', 'draft') RETURNING id::text", first).Scan(&campaign); err != nil {
			return fmt.Errorf("beginning a campaign: %w", err)
		}
		if _, err := tx.Exec(ctx, "INSERT INTO callcenter.campaign_calls (campaign_id, phone) VALUES ($1, '+3100000001')", campaign); err != nil {
			return fmt.Errorf("calling: %w", err)
		}
		var n int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM callcenter.recordings WHERE organization_id = $1", first).Scan(&n); err != nil || n == 0 {
			return fmt.Errorf("%d recordings are there: %w", n, err)
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		return "", err
	}
	return "campaigns, calls and recordings work", nil
}

// logins looks a user up as a log-in does, before any organisation is known.
func logins(ctx context.Context, stage string) (string, error) {
	conn, err := application(ctx, stage)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	var found int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM callcenter.login_lookup('user1@example.com')").Scan(&found); err != nil {
		return "", err
	}
	if found != 1 {
		return "", fmt.Errorf("%d users were found", found)
	}
	return "a user is found before an organisation is known", nil
}
