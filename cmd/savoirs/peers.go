package main

import (
	"time"

	"github.com/spf13/cobra"
)

func peersCmd(s *shell) *cobra.Command {
	return s.command("peers", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		peers, err := s.client().Peers(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(peers)
		}
		if len(peers) == 0 {
			s.tell("say.peers.none")
			return nil
		}
		rows := [][]string{{s.say("say.col.name"), s.say("say.col.territory"), s.say("say.col.link"), s.say("say.col.found"), s.say("say.col.delay"), s.say("say.col.since"), s.say("say.col.id")}}
		for _, p := range peers {
			name := p.Name
			if !p.Savoirs {
				name = s.say("say.peers.foreign")
			}
			delay := "-"
			if p.RTT > 0 {
				delay = s.words.Decimal(float64(p.RTT)/float64(time.Millisecond), 1) + " ms"
			}
			rows = append(rows, []string{orElse(name, "-"), orElse(p.Territory, "-"), p.Transport, s.say("say.found." + p.Found), delay, s.words.Span(time.Since(p.Since)), p.ID.String()})
		}
		return s.table(rows)
	})
}
