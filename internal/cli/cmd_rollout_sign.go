package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// A pen is how a person signs: here and now, or elsewhere with ssh-keygen and brought back.
type pen struct {
	key, prepare, signature string
}

func (p *pen) bind(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&p.key, "key", "", "your SSH `KEY`, or its public half where an agent or a hardware key holds the other")
	fl.StringVar(&p.prepare, "prepare", "", "do not sign: write the bytes to be signed to `FILE`, for ssh-keygen -Y sign -n ringfence FILE")
	fl.StringVar(&p.signature, "signature", "", "take the signature `FILE`.sig that was made of what --prepare FILE wrote; --key names the public key")
}

const penHelp = `

Keys are those that people have: SSH keys, hardware keys included, and Ed25519 files. To sign on another machine:

  ringfence rollout %[1]s … --prepare message
  ssh-keygen -Y sign -n ringfence -f ~/.ssh/id_ed25519 message
  ringfence rollout %[1]s … --signature message --key ~/.ssh/id_ed25519.pub`

// sign has the envelope signed, or written out to be signed elsewhere (then done is false).
func (p *pen) sign(ctx context.Context, w *World, e *attest.Envelope) (signed *attest.Envelope, done bool, err error) {
	if p.prepare != "" {
		message, err := attest.Message(e)
		if err != nil {
			return nil, false, err
		}
		raw, err := json.Marshal(e)
		if err != nil {
			return nil, false, fmt.Errorf("writing the statement: %w", err)
		}
		err = errors.Join(os.WriteFile(p.prepare, message, 0o644), os.WriteFile(p.prepare+".json", raw, 0o644))
		if err == nil {
			w.note(false, "wrote %s; sign it by: ssh-keygen -Y sign -n ringfence -f KEY %s", p.prepare, p.prepare)
		}
		return nil, false, err
	}
	if p.signature != "" {
		return p.brought()
	}
	s, err := signerOf(p.key)
	if err != nil {
		return nil, false, err
	}
	return e, true, attest.Sign(ctx, e, s)
}

// brought reads a statement and its signature that were made elsewhere.
func (p *pen) brought() (*attest.Envelope, bool, error) {
	raw, err := readPaper(p.signature + ".json")
	if err != nil {
		return nil, false, fmt.Errorf("reading the statement: %w", err)
	}
	var e attest.Envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, false, fmt.Errorf("reading the statement: %w", err)
	}
	armored, err := readPaper(p.signature + ".sig")
	if err != nil {
		return nil, false, fmt.Errorf("reading the signature: %w", err)
	}
	signature, err := sshsig.Unarmor(armored)
	if err != nil {
		return nil, false, fmt.Errorf("reading the signature: %w", err)
	}
	line, err := readPaper(p.key)
	if err != nil {
		return nil, false, fmt.Errorf("reading the public key: %w", err)
	}
	key, err := attest.ParseKey(string(line))
	if err != nil {
		return nil, false, err
	}
	if err := attest.Add(&e, key, signature.Marshal()); err != nil {
		return nil, false, &exitError{code: exitBadSignature, err: err}
	}
	return &e, true, nil
}

func rolloutSignCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var p pen
	var role string
	cmd := command("sign [DIR]", "approve a stage in a role",
		`Shows what the role answers for, each item a fact as it stands or what the signature itself says, and signs it: this plan, this way
back, this definition, this evidence and this target, for 72 hours. Any change of these voids the signature. Whoever made the plan,
or changed it last, cannot sign, and each person counts for one role.

  ringfence rollout sign --role security --key ~/.ssh/id_ed25519`+fmt.Sprintf(penHelp, "sign"),
		func(cmd *cobra.Command, args []string) error {
			return w.onRollout(cmd, &f, args, true, func(ctx context.Context, s *session) error {
				now := w.clock().Now()
				e, err := s.state.Approve(s.stages[0], role, now)
				if err != nil {
					return usage(err, "name one by --role")
				}
				s.items(role, now)
				signed, done, err := p.sign(ctx, w, e)
				if err != nil || !done {
					return classify(err)
				}
				who, err := s.state.MaySign(s.people, s.stages[0], role, signed, now)
				if err != nil {
					return refused(err, hintOf(err))
				}
				if err := s.log.Append(ctx, now, ledger.KindSignature, s.group(), signed); err != nil {
					return classify(err)
				}
				w.note(f.quiet, "%s signed for %s at the stage %s", who, role, s.group())
				return nil
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text")
	p.bind(cmd)
	cmd.Flags().StringVar(&role, "role", "", "the `ROLE` that you sign for")
	return cmd
}

// items shows a signer what the role answers for.
func (s *session) items(role string, now time.Time) {
	d, err := s.state.DecideGroup(s.group(), s.people, now)
	if err != nil {
		return // signing itself says what is wrong
	}
	for _, item := range d.Items(role) {
		s.w.note(s.f.quiet, "%-8s %s%s", item.Stands, item.Text, map[bool]string{true: ": by your signature you say so"}[item.Said])
		for _, fact := range item.Facts {
			s.w.note(s.f.quiet, "           %s: %s, %s", fact.Name, fact.Stands, strings.TrimSpace(fact.Value+" "+fact.Why))
		}
	}
}

func rolloutAttestCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var p pen
	var fact, text string
	var fails bool
	cmd := command("attest [DIR]", "say, signed, what only a person can say",
		`Some facts no collector can know: that somebody on call answered. A person of approvers.yaml says them, signed; they count for a day and
are shown as that person's word, apart from what was measured. A fact that is measured cannot be said.

  ringfence rollout attest --fact on_call_answer --text "called at 14:02, answered in 3 minutes" --key ~/.ssh/id_ed25519`+fmt.Sprintf(penHelp, "attest"),
		func(cmd *cobra.Command, args []string) error {
			return w.statement(cmd.Context(), &f, &p, argument(args, 0), ledger.KindWord, func(s *session) (*attest.Envelope, error) {
				return s.state.Say(s.stages[0], fact, !fails, text, w.clock().Now())
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text")
	p.bind(cmd)
	cmd.Flags().StringVar(&fact, "fact", "", "the `FACT`")
	cmd.Flags().StringVar(&text, "text", "", "what you saw, in a sentence")
	cmd.Flags().BoolVar(&fails, "not-so", false, "say that it does not hold")
	return cmd
}

func rolloutWaiveCmd(w *World) *cobra.Command {
	var f rolloutFlags
	var p pen
	var fact, reason string
	var until time.Duration
	cmd := command("waive [DIR]", "let one fact pass, signed, with a reason and an end",
		`A waiver is a fact too: it names one fact of one stage, the reason and until when, is signed by a person who did not make the change,
and is printed before everything else. Isolation, the application's role, identity, drift and the signatures cannot be waived.

  ringfence rollout waive --fact disk --reason "the volume grows by itself" --for 24h --key ~/.ssh/id_ed25519`+fmt.Sprintf(penHelp, "waive"),
		func(cmd *cobra.Command, args []string) error {
			return w.statement(cmd.Context(), &f, &p, argument(args, 0), ledger.KindWaiver, func(s *session) (*attest.Envelope, error) {
				return s.state.Waive(s.stages[0], fact, reason, w.clock().Now().Add(until))
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text")
	p.bind(cmd)
	cmd.Flags().StringVar(&fact, "fact", "", "the `FACT` to let pass")
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	cmd.Flags().DurationVar(&until, "for", 24*time.Hour, "how long it counts")
	return cmd
}

// statement has a person sign a statement about the stage, and keeps it.
func (w *World) statement(ctx context.Context, f *rolloutFlags, p *pen, dir string, kind ledger.Kind, seal func(*session) (*attest.Envelope, error)) error {
	s, err := w.openRollout(ctx, f, dir, true)
	if err != nil {
		return err
	}
	defer s.close()
	e, err := seal(s)
	if err != nil {
		return refused(err, hintOf(err))
	}
	signed, done, err := p.sign(ctx, w, e)
	if err != nil || !done {
		return classify(err)
	}
	who, err := s.people.Signers(signed)
	if err != nil {
		return classify(err)
	}
	if len(who) == 0 {
		return refused(rollout.ErrNotAPerson, "the key is nobody's of approvers.yaml")
	}
	if err := s.log.Append(ctx, w.clock().Now(), kind, s.group(), signed); err != nil {
		return classify(err)
	}
	w.note(f.quiet, "%s signed", who[0].Name)
	return nil
}

func rolloutStatusCmd(w *World) *cobra.Command {
	var f rolloutFlags
	cmd := command("status [DIR]", "how far a rollout is",
		`Tells each stage's state, its soak, what stopped it, what was taken back, whether something stands open and since when, and who was
called. It reads the log in the directory and in the stage's database, and says where they differ.

  ringfence rollout status
  ringfence rollout status --from-database "$DSN"     the directory is lost: read the database's log, and write the directory anew`,
		func(cmd *cobra.Command, args []string) error {
			return w.onRollout(cmd, &f, args, false, func(ctx context.Context, s *session) error {
				return s.tell()
			})
		})
	cmd.Args = atMost(1, "one directory at most")
	f.bindRollout(cmd, "text", "json")
	return cmd
}

// tell writes how far the rollout is.
func (s *session) tell() error {
	doc := s.state.Status(s.w.clock().Now(), len(s.log.Entries()))
	return s.w.deliver(s.f.output, func(b *bytes.Buffer) error {
		if s.f.format == "json" {
			return report.WriteJSON(b, doc)
		}
		return doc.Text(b)
	})
}
