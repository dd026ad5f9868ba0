package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// The files and variables that a rollout of the example uses.
const (
	planDir      = "ringfence-plan"
	rolloutDir   = "ringfence-rollout"
	decisionFile = "decision.md"
	pagerURL     = "PAGER_URL"
	rootKey      = "ROOT"
	machineKey   = "ci" // signs what was found out, and approves nothing
)

// A signer is a person with a role.
type signer struct{ name, role string }

// signers are the four that sign. Axel made the plan, and cannot.
var signers = []signer{{"tessa", "technical_lead"}, {"dora", "database_administrator"}, {"sara", "security"}, {"owen", "product_owner"}}

// writePeople makes a key for each person, for the machine and for the root, and approvers.yaml. It returns the root's public line.
func writePeople() (root string, err error) {
	if root, err = writeKey("root"); err != nil {
		return "", err
	}
	text := "people:\n"
	for _, p := range signers {
		line, err := writeKey(p.name)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf("  - name: %s\n    emails: [%s@callcenter.example]\n    roles: [%s]\n    keys: [%q]\n", p.name, p.name, p.role, line)
	}
	machine, err := writeKey(machineKey)
	if err != nil {
		return "", err
	}
	text += fmt.Sprintf("machines:\n  - name: %s\n    keys: [%q]\n", machineKey, machine)
	return root, os.WriteFile("approvers.yaml", []byte(text), 0o644)
}

// writeKey makes a key as ssh-keygen does, and returns its public line.
func writeKey(name string) (string, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return "", err
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return "", err
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
		return "", err
	}
	return line, os.WriteFile(name+".pub", []byte(line+"\n"), 0o644)
}

// definition is rollout.yaml: what the call centre asks of its rollout.
func definition(root, prometheus string, soak time.Duration) string {
	return fmt.Sprintf(`author: axel@callcenter.example
plan: %s
config: ringfence.yaml
approvers: approvers.yaml
root: %s
prometheus: %s
stages:
  - {name: staging, dsn_env: STAGING_DSN, app_dsn_env: STAGING_APP_DSN, soak: %s, settle: 0s}
  - name: production
    dsn_env: PRODUCTION_DSN
    app_dsn_env: PRODUCTION_APP_DSN
    soak: 24h
    settle: 5m
    window: {cron: "0 2 * * *", zone: UTC, for: 2h}
    cohorts: [[callcenter.surveys], [callcenter.campaigns, callcenter.crm_contacts]]
hooks:
  backup_age: {argv: [./%[5]s, backup_age]}
  restore: {argv: [./%[5]s, restore]}
  disk: {argv: [./%[5]s, disk]}
  alert: {argv: [./%[5]s, alert]}
  deploy: {argv: [./%[5]s, deploy]}
  revert: {argv: [./%[5]s, revert]}
  health: {argv: [./%[5]s, health]}
  integration: {argv: [./%[5]s, integration]}
  workflows: {argv: [./%[5]s, workflows]}
  logins: {argv: [./%[5]s, logins]}
  p95: {argv: [./%[5]s, p95]}
watch: {calls: 20}
open_allowed: []
roster:
  roles:
    on_call: [{name: otto, url_env: %[6]s}, {name: owen, url_env: %[6]s}]
    database_administrator: [{name: dora, url_env: %[6]s}]
    security: [{name: sara, url_env: %[6]s}]
    product_owner: [{name: olga, url_env: %[6]s}]
  ticket: [{name: tracker, url_env: %[6]s}]
`, planDir, root, prometheus, soak, hookFile, pagerURL)
}
