package main

import (
	"strings"

	"github.com/spf13/cobra"

	"savoirs/node"
)

func statusCmd(s *shell) *cobra.Command {
	return s.command("status", between(0, 0), func(cmd *cobra.Command, _ []string) error {
		st, err := s.client().Status(cmd.Context())
		if err != nil {
			return err
		}
		if s.json {
			return s.object(st)
		}
		return s.table(s.statusRows(st))
	})
}

func (s *shell) statusRows(st node.Status) [][]string {
	var rows [][]string
	row := func(key string, parts ...string) {
		kept := parts[:0]
		for _, p := range parts {
			if p != "" {
				kept = append(kept, p)
			}
		}
		if len(kept) > 0 {
			rows = append(rows, []string{s.say("say.status." + key), strings.Join(kept, " · ")})
		}
	}
	row("node", st.Name, st.ID)
	row("territory", st.Territory)
	row("page", st.HTTP)
	reach := "say.status.reach_lan"
	if st.Loopback {
		reach = "say.status.reach_local"
	}
	closed := ""
	if st.Closed {
		closed = s.say("say.status.mesh_closed")
	}
	row("mesh", s.say("say.status.peers", "n", st.Peers), s.say(reach), closed)
	row("line", s.say("say.status.sent", "size", s.words.Bytes(st.Traffic.Sum().Sent)),
		s.say("say.status.received", "size", s.words.Bytes(st.Traffic.Sum().Received)), s.congestion(st.Congestion))
	row("library", s.say("say.status.items", "n", st.Items), s.say("say.status.published", "n", st.Published),
		s.say("say.status.offers", "n", st.Offers))
	row("search", s.say("say.status.passages", "n", st.Passages), s.meaning(st))
	row("answers", s.answers(st))
	row("disk", s.say("say.status.used", "size", s.words.Bytes(st.Size)), s.say("say.status.free", "size", s.words.Bytes(st.Free)))
	row("drives", s.drives(st.Drives)...)
	if st.Waiting > 0 {
		row("inbox", s.say("say.status.waiting", "n", st.Waiting))
	}
	if st.Bad > 0 {
		row("health", s.say("say.status.bad", "n", st.Bad))
	}
	if st.Forks > 0 {
		row("trust", s.say("say.status.forks", "n", st.Forks))
	}
	row("running", s.words.Span(st.Uptime), st.Version)
	row("dir", st.Dir)
	return rows
}

// congestion names what TCP does on a lossy link, where it is known.
func (s *shell) congestion(name string) string {
	switch name {
	case "":
		return ""
	case "bbr":
		return "BBR"
	}
	return s.say("say.status.no_bbr", "name", name)
}

// meaning says how far search by meaning has come.
func (s *shell) meaning(st node.Status) string {
	switch {
	case st.Embed == "":
		return s.say("say.status.words_only")
	case st.Passages == 0 || st.Embedded >= st.Passages:
		return s.say("say.status.meaning_ready")
	case st.EmbedETA > 0:
		return s.say("say.status.meaning_left", "n", 100*st.Embedded/st.Passages, "time", s.words.Span(st.EmbedETA))
	}
	return s.say("say.status.meaning", "n", 100*st.Embedded/st.Passages)
}

func (s *shell) answers(st node.Status) string {
	if st.Chat == "" {
		return s.say("say.status.no_model")
	}
	return s.say("say.status.model", "model", st.Chat, "engine", s.engineName(st.Engine))
}

func (s *shell) engineName(kind string) string {
	if s.words.Has("say.engine." + kind) {
		return s.say("say.engine." + kind)
	}
	return kind
}
