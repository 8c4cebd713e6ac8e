package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"rsc.io/qr"

	"savoirs/node"
)

func meshInviteCmd(s *shell) *cobra.Command {
	var asWords, asQR bool
	var png, out string
	c := s.command("mesh.invite", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		i, err := s.client().Invite(cmd.Context())
		if err != nil {
			return err
		}
		for path, make := range map[string]func(string) ([]byte, error){png: qrPNG, out: plainLine} {
			if path == "" {
				continue
			}
			b, err := make(i.Text)
			if err != nil {
				return err
			}
			if err := os.WriteFile(path, b, 0o600); err != nil { // it may carry a key
				return fmt.Errorf("write the invite: %w", err)
			}
		}
		if s.json {
			return s.object(i)
		}
		return s.showInvite(i, asWords, asQR, png, out)
	})
	c.Flags().BoolVar(&asWords, "words", false, s.say("flag.words"))
	c.Flags().BoolVar(&asQR, "qr", false, s.say("flag.qr"))
	c.Flags().StringVar(&png, "png", "", s.say("flag.png"))
	c.Flags().StringVar(&out, "out", "", s.say("flag.invite_out"))
	return c
}

// showInvite writes an invite the way it was asked for, and what to do with it.
func (s *shell) showInvite(i node.Invite, asWords, asQR bool, files ...string) error {
	written := strings.Join(files, "")
	if asQR {
		code, err := qr.Encode(i.Text, qr.M)
		if err != nil {
			return fmt.Errorf("draw the invite: %w", err)
		}
		fmt.Fprint(s.out, qrText(code))
	}
	if asWords {
		fmt.Fprintln(s.out, i.Words)
	}
	for _, path := range files {
		if path != "" {
			s.line("say.invite.written", "path", path)
		}
	}
	if !asQR && !asWords && written == "" {
		fmt.Fprintln(s.out, i.Text)
	}
	s.tell("say.invite.next")
	if i.Closed {
		s.tell("say.invite.closed")
	}
	return nil
}

// meshJoinCmd takes an invite (text, words or a file) or an address under
// either name: people receive one or the other, and the node accepts all.
func meshJoinCmd(s *shell, name string) *cobra.Command {
	var force bool
	c := s.command("mesh."+name, between(1, 100), func(cmd *cobra.Command, args []string) error {
		text, err := inviteIn(args)
		if err != nil {
			return err
		}
		p, err := s.client().Join(cmd.Context(), text, force)
		if err != nil {
			return err
		}
		if s.json {
			return s.object(p)
		}
		s.line("say.joined", "name", orElse(p.Name, p.ID.String()))
		return nil
	})
	c.Flags().BoolVar(&force, "force", false, s.say("flag.join_force"))
	return c
}

// inviteIn is what was typed, or what the file of that name begins with.
func inviteIn(args []string) (string, error) {
	text := strings.Join(args, " ")
	info, err := os.Stat(text)
	if err != nil || !info.Mode().IsRegular() {
		return text, nil
	}
	f, err := os.Open(text)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	return string(b), err
}

func meshCloseCmd(s *shell) *cobra.Command {
	return s.command("mesh.close", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		i, err := s.client().CloseMesh(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(i)
		}
		s.line("say.mesh.closed")
		return s.showInvite(i, false, false)
	})
}

func meshOpenCmd(s *shell) *cobra.Command {
	return s.command("mesh.open", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		i, err := s.client().OpenMesh(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(i)
		}
		s.line("say.mesh.opened")
		return nil
	})
}

func plainLine(text string) ([]byte, error) { return []byte(text + "\n"), nil }
