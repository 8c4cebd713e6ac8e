package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func publishCmd(s *shell) *cobra.Command {
	var o node.PublishOptions
	var yes, dry bool
	c := s.command("publish", between(1, 1), func(cmd *cobra.Command, args []string) error {
		ctx, client := cmd.Context(), s.client()
		o.DryRun = true
		p, err := client.Publish(ctx, args[0], o)
		if err != nil {
			return err
		}
		if dry || p.Item.Mine && o.Revises == "" {
			return s.published(p)
		}
		if !yes {
			s.leaving(p)
			if err := s.confirm(ctx, s.say("say.publish.ask")); err != nil {
				return err
			}
		}
		o.DryRun = false
		if p, err = client.Publish(ctx, p.Item.Root, o); err != nil {
			return err
		}
		return s.published(p)
	})
	f := c.Flags()
	f.StringVar(&o.Title, "title", "", s.say("flag.title"))
	f.StringVar(&o.Lang, "content-lang", "", s.say("flag.content-lang"))
	f.StringVar(&o.Licence, "licence", "", s.say("flag.licence"))
	f.BoolVar(&o.NoPack, "no-pack", false, s.say("flag.no-pack"))
	f.StringVar(&o.Revises, "revises", "", s.say("flag.revises"))
	f.BoolVar(&yes, "yes", false, s.say("flag.yes"))
	f.BoolVar(&dry, "dry-run", false, s.say("flag.dry-run"))
	return s.completeRefs(c, isPrivate)
}

// maxShown bounds a list of documents on a screen; --json has them all.
const maxShown = 20

// leaving shows on err what would leave this machine.
func (s *shell) leaving(p node.Publication) {
	s.tell("say.publish.leaving", "title", p.Item.Title, "n", len(p.Documents), "size", s.words.Bytes(p.Item.Size))
	for i, d := range p.Documents {
		if i == maxShown {
			s.tell("say.publish.more", "n", len(p.Documents)-maxShown)
			break
		}
		if !s.quiet {
			fmt.Fprintf(s.err, "  %s (%s)\n", clean(d.Path), s.words.Bytes(d.Size))
		}
	}
	s.tell("say.publish.terms", "licence", orElse(p.Item.Licence, s.say("say.publish.no_licence")), "lang", orElse(p.Item.Lang, s.say("say.unknown")))
	s.tell("say.publish.for_good")
}

func (s *shell) published(p node.Publication) error {
	switch {
	case s.json:
		return s.object(p)
	case p.Item.Mine && p.Told == 0 && p.DryRun:
		s.line("say.publish.already", "title", p.Item.Title, "ref", p.Item.Ref)
	case p.DryRun:
		s.leaving(p)
		s.line("say.publish.dry")
	default:
		s.line("say.publish.done", "title", p.Item.Title, "ref", p.Item.Ref, "n", p.Told)
	}
	return nil
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
