package main

import (
	"cmp"
	"time"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func meshMapCmd(s *shell) *cobra.Command {
	return s.command("mesh.map", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		m, err := s.client().Map(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(m)
		}
		return s.drawn(m)
	})
}

// drawn writes the nodes, then the links between them.
func (s *shell) drawn(m node.Map) error {
	names := map[string]string{}
	rows := [][]string{{s.say("say.col.name"), s.say("say.col.territory"), s.say("say.col.state"), s.say("say.col.items"), s.say("say.col.id")}}
	for _, n := range m.Nodes {
		names[n.ID] = nameOf(n.Who)
		state := "heard"
		switch {
		case n.Self:
			state = "self"
		case n.Blocked:
			state = "blocked"
		case n.Connected:
			state = "connected"
		}
		rows = append(rows, []string{nameOf(n.Who), orElse(clean(n.Territory), "-"), s.say("say.map." + state), s.words.Count(int64(n.Items)), n.ID})
	}
	if err := s.table(rows); err != nil {
		return err
	}
	if len(m.Links) == 0 {
		s.tell("say.map.alone")
		return nil
	}
	s.line("say.map.links")
	rows = rows[:0]
	for _, l := range m.Links {
		last := ""
		if !l.Last.IsZero() && l.Kind != node.LinkNow {
			last = s.say("say.map.ago", "time", s.words.Span(time.Since(l.Last)))
		}
		rows = append(rows, []string{"  " + cmp.Or(names[l.A], l.A), cmp.Or(names[l.B], l.B), s.say("say.map." + string(l.Kind)), last})
	}
	return s.table(rows)
}
