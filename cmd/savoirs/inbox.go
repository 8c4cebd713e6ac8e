package main

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func inboxCmd(s *shell) *cobra.Command {
	c := s.command("inbox", nil, nil)
	c.AddCommand(inboxListCmd(s), inboxShowCmd(s), inboxAcceptCmd(s), inboxRefuseCmd(s), inboxKeepCmd(s), inboxKeepBothCmd(s))
	return c
}

func inboxListCmd(s *shell) *cobra.Command {
	var refused bool
	c := s.command("inbox.list", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		if refused {
			return s.refusals(cmd.Context())
		}
		all, err := s.client().Inbox(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(all)
		}
		if len(all) == 0 {
			s.tell("say.inbox.empty")
			return nil
		}
		rows := [][]string{{s.say("say.col.ref"), s.say("say.col.kind"), s.say("say.col.size"), s.say("say.col.author"), s.say("say.col.state"), s.say("say.col.title")}}
		for _, w := range all {
			rows = append(rows, []string{w.Ref, s.kind(w.Kind), s.words.Bytes(w.Size), nameOf(w.By), s.waiting(w), w.Title})
		}
		if err := s.table(rows); err != nil {
			return err
		}
		s.tell("say.inbox.next")
		return nil
	})
	c.Flags().BoolVar(&refused, "refused", false, s.say("flag.refused"))
	return c
}

// waiting says in a few words how things stand with what waits.
func (s *shell) waiting(w node.Waiting) string {
	parts := []string{s.say("say.author." + string(w.Standing))}
	if w.Unfinished && w.Size > 0 {
		parts = append(parts, s.say("say.state.unfinished", "n", 100*w.Have/w.Size))
	}
	open := 0
	for _, c := range w.Conflicts {
		if c.Open() {
			open++
		}
	}
	if open > 0 {
		parts = append(parts, s.say("say.inbox.versions", "n", open+1))
	}
	return strings.Join(parts, ", ")
}

func (s *shell) refusals(ctx context.Context) error {
	all, err := s.client().Refusals(ctx)
	if err != nil {
		return err
	}
	if s.json {
		return s.object(all)
	}
	if len(all) == 0 {
		s.tell("say.inbox.none_refused")
		return nil
	}
	rows := [][]string{{s.say("say.col.title"), s.say("say.col.why"), s.say("say.col.id")}}
	for _, f := range all {
		rows = append(rows, []string{orElse(f.Title, "-"), orElse(f.Why, "-"), f.Root})
	}
	return s.table(rows)
}

func inboxShowCmd(s *shell) *cobra.Command {
	return s.completeWaiting(s.command("inbox.show", between(1, 1), func(cmd *cobra.Command, args []string) error {
		d, err := s.client().InboxShow(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if s.json {
			return s.object(d)
		}
		return s.waitingDetail(d)
	}))
}

func inboxAcceptCmd(s *shell) *cobra.Command {
	return s.completeWaiting(s.command("inbox.accept", between(1, 100), func(cmd *cobra.Command, args []string) error {
		var accepted []node.Item
		for _, ref := range args {
			s.subject = ref
			p := s.progress()
			item, err := s.client().Accept(cmd.Context(), ref, p.show)
			p.end()
			if err != nil {
				return err
			}
			accepted = append(accepted, item)
			if s.json {
				continue
			}
			key := "say.inbox.accepted"
			switch {
			case !item.Here:
				key = "say.inbox.may_come"
			case item.Existed:
				key = "say.inbox.here"
			case item.Scope == node.ScopePrivate:
				key = "say.inbox.private"
			}
			s.line(key, "title", item.Title, "ref", item.Ref)
			s.skipped(item)
		}
		if s.json {
			return s.object(accepted)
		}
		return nil
	}))
}

func inboxRefuseCmd(s *shell) *cobra.Command {
	var why string
	c := s.command("inbox.refuse", between(1, 1), func(cmd *cobra.Command, args []string) error {
		f, err := s.client().Refuse(cmd.Context(), args[0], why)
		if err != nil {
			return err
		}
		if s.json {
			return s.object(f)
		}
		s.line("say.inbox.refused", "title", cmp.Or(f.Title, f.Root))
		return nil
	})
	c.Flags().StringVar(&why, "why", "", s.say("flag.why"))
	return s.completeWaiting(c)
}

func inboxKeepCmd(s *shell) *cobra.Command {
	var why string
	c := s.command("inbox.keep", between(1, 1), func(cmd *cobra.Command, args []string) error {
		p := s.progress()
		d, err := s.client().KeepRevision(cmd.Context(), args[0], orElse(why, s.say("say.inbox.other_kept")), p.show)
		p.end()
		if err != nil {
			return err
		}
		return s.decided(d, "say.inbox.kept")
	})
	c.Flags().StringVar(&why, "why", "", s.say("flag.why"))
	return s.completeWaiting(c)
}

func inboxKeepBothCmd(s *shell) *cobra.Command {
	return s.completeWaiting(s.command("inbox.keep-both", between(1, 1), func(cmd *cobra.Command, args []string) error {
		p := s.progress()
		d, err := s.client().KeepBoth(cmd.Context(), args[0], p.show)
		p.end()
		if err != nil {
			return err
		}
		return s.decided(d, "say.inbox.kept_both")
	}))
}

func (s *shell) decided(d node.Decision, key string) error {
	if s.json {
		return s.object(d)
	}
	s.line(key, "title", d.Item.Title, "ref", d.Item.Ref)
	for _, c := range d.Declined {
		s.line("say.inbox.declined", "title", c.Title, "who", nameOf(c.By))
	}
	for _, c := range d.Stay {
		if c.Verdict != node.KeptBoth {
			s.line("say.inbox.stays", "title", c.Title, "who", nameOf(c.By))
		}
	}
	return nil
}

// completeWaiting lets a shell complete the references of what waits.
func (s *shell) completeWaiting(c *cobra.Command) *cobra.Command {
	c.ValidArgsFunction = func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		if s.set.resolve(s.file, s.places) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
		defer cancel()
		all, err := s.client().Inbox(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var refs []string
		for _, w := range all {
			if strings.HasPrefix(w.Ref, begun) {
				refs = append(refs, w.Ref+"\t"+clean(w.Title))
			}
		}
		return refs, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}
