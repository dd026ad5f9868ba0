// Package secret finds secrets in texts by the forms they have, and takes them out: passwords in connection strings, private keys,
// tokens. It guesses at nothing by entropy, so that what it finds is one.
package secret

import "regexp"

// A kind is one form in which secrets get into files.
type kind struct {
	name    string
	pattern *regexp.Regexp // its last group is the secret
}

// kinds are the forms that have a shape of their own; entropy is not guessed at, so that what is found is one.
var kinds = []kind{
	{"password in a connection string", regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s:/@'"]+:([^\s@/'"<>{}$]{1,256})@`)},
	{"password in a connection string", regexp.MustCompile(`(?i)\bpassword\s*=\s*('[^'\n]{1,256}'|[^\s'";<>{}$]{1,256})`)},
	{"password of a role", regexp.MustCompile(`(?i)\bPASSWORD\s+'([^'\n]{1,256})'`)},
	{"PGPASSWORD", regexp.MustCompile(`\bPGPASSWORD=["']?([^\s"'$<>{}]{1,256})`)},
	{"private key", regexp.MustCompile(`-----BEGIN (?:[A-Z]+ )?(PRIVATE KEY)-----`)},
	{"token", regexp.MustCompile(`\b(eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})`)},
	{"bearer token", regexp.MustCompile(`(?i)\bbearer\s+([a-z0-9._~+/=-]{16,})`)},
	{"AWS key", regexp.MustCompile(`\b((?:AKIA|ASIA)[0-9A-Z]{16})\b`)},
	{"GitHub token", regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})\b`)},
	{"Slack token", regexp.MustCompile(`\b(xox[abprs]-[A-Za-z0-9-]{10,})`)},
	{"API key", regexp.MustCompile(`\b(sk-[A-Za-z0-9_-]{20,}|[sr]k_live_[A-Za-z0-9]{16,})\b`)},
	{"pepper or secret", regexp.MustCompile(`(?i)\b(?:pepper|secret|api[_-]?key|access[_-]?key|token)\s*[:=]\s*["']?([A-Za-z0-9+/_=-]{20,})`)},
}

// redacted stands for a secret.
const redacted = "[redacted]"

// Redact replaces every secret in a text that has a known form.
func Redact(text string) string {
	for _, k := range kinds {
		text = k.pattern.ReplaceAllStringFunc(text, func(match string) string {
			at := k.pattern.FindStringSubmatchIndex(match)
			from, to := at[len(at)-2], at[len(at)-1]
			if match[from:to] == redacted || match[from:to] == "PRIVATE KEY" {
				return redactedKey(match)
			}
			return match[:from] + redacted + match[to:]
		})
	}
	return text
}

func redactedKey(match string) string {
	if len(match) > 5 && match[:5] == "-----" {
		return redacted
	}
	return match
}

// A Found is one secret in a text: its kind and line, never itself.
type Found struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Kind string `json:"kind"`
}

// Find finds secrets in a text.
func Find(file, text string) []Found {
	var out []Found
	for _, k := range kinds {
		for _, at := range k.pattern.FindAllStringSubmatchIndex(text, 100) {
			if secret := text[at[len(at)-2]:at[len(at)-1]]; secret == redacted || placeholder.MatchString(secret) {
				continue
			}
			line := 1
			for i := range at[0] {
				if text[i] == '\n' {
					line++
				}
			}
			out = append(out, Found{file, line, k.name})
		}
	}
	return out
}

// placeholder are words that stand for a secret in documents.
var placeholder = regexp.MustCompile(`(?i)^'?(x+|\*+|\.{3}|…|password|secret|changeme|your[-_a-z]*|example[-_a-z]*|PRIVATE)'?$`)
