package web

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"savoirs/node"
	"savoirs/rag"
)

// ask is the whole page of a question and its answer, for browsers without
// JavaScript and for links that are kept. The sources are sent as soon as they
// are known, the answer when it is written.
func (s *site) ask(w http.ResponseWriter, r *http.Request) {
	p := s.page(w, r)
	if p.Question == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p.Title = p.Question + " · " + p.T("title")
	started := false
	emit := func(e rag.Event) error {
		if e.Kind != rag.EventSources && (e.Kind != rag.EventEarly || started) {
			return nil
		}
		if !started {
			start(w, http.StatusOK)
			s.show(w, "ask-top", p)
		}
		started = true
		s.show(w, string(e.Kind), sources{page: p, Sources: e.Sources, Asked: e.Asked})
		return http.NewResponseController(w).Flush()
	}
	answer, err := s.node.Ask(r.Context(), p.question(), emit)
	if r.Context().Err() != nil {
		return
	}
	fault := ""
	if err != nil {
		s.o.Log.Info("answer for a page", "err", err)
		fault = s.fault(p, err)
	}
	if !started {
		start(w, statusOf(err))
		s.show(w, "ask-top", p)
	}
	s.show(w, "answer", answered{page: p, Answer: answer, Fault: fault, Parts: parts(answer)})
}

// sources are the passages shown with an answer; without a model they are the
// answer, so all stand open.
type sources struct {
	page
	Sources []rag.Citation
	Asked   []rag.Asked
}

// Who names the other nodes that were chosen, and what became of each.
func (s sources) Who() string {
	var who []string
	for _, a := range s.Asked {
		who = append(who, nameOf(a.Name, a.Peer)+" ("+s.Say("say.asked."+string(a.Outcome))+")")
	}
	return strings.Join(who, ", ")
}

// Holder names the node that a passage came from.
func (s sources) Holder(f *rag.From) string { return nameOf(f.Name, f.Peer) }

func nameOf(name, id string) string { return cmp.Or(name, id[max(0, len(id)-6):]) }

// Open says whether a passage is shown without a click.
func (s sources) Open(n int) bool { return n == 1 || s.Status.Chat == "" }

type answered struct {
	page
	Answer rag.Answer
	Fault  string
	Parts  []part
}

// Doubtful tells whether something in the text is marked.
func (a answered) Doubtful() bool {
	return slices.ContainsFunc(a.Parts, func(p part) bool { return p.Doubt })
}

// A part of an answer is text, maybe doubtful, or the number of a source.
type part struct {
	Text  string
	N     int
	Doubt bool
}

var citation = regexp.MustCompile(`\[([0-9]{1,3})\]`)

// parts cuts an answer at its citations and at what is doubtful in it. A doubt within another is part of it.
func parts(a rag.Answer) []part {
	var all []part
	at := 0
	for _, d := range a.Doubts {
		if d.Start < at || d.End <= d.Start || d.End > len(a.Text) {
			continue
		}
		all = append(all, cited(a.Text[at:d.Start], len(a.Sources))...)
		all = append(all, part{Text: a.Text[d.Start:d.End], Doubt: true})
		at = d.End
	}
	return append(all, cited(strings.TrimRight(a.Text[at:], "\n"), len(a.Sources))...)
}

// cited cuts a text at its citations. Numbers beyond the sources stay text.
func cited(text string, sources int) []part {
	var all []part
	from := 0
	for _, m := range citation.FindAllStringSubmatchIndex(text, -1) {
		n, err := strconv.Atoi(text[m[2]:m[3]])
		if err != nil || n < 1 || n > sources {
			continue
		}
		if m[0] > from {
			all = append(all, part{Text: text[from:m[0]]})
		}
		all = append(all, part{N: n})
		from = m[1]
	}
	if from < len(text) {
		all = append(all, part{Text: text[from:]})
	}
	return all
}

// fault says what went wrong and what to do, in the words of the page.
func (s *site) fault(p page, err error) string {
	reason, _ := node.ReasonOf(err)
	key := "error." + string(reason)
	switch reason {
	case node.EmptyQuestion, node.QuestionTooLong, node.EngineDied:
		return p.Say(key+".what") + " " + p.Say(key+".next")
	}
	return p.T("failed")
}

func statusOf(err error) int {
	reason, _ := node.ReasonOf(err)
	switch {
	case err == nil:
		return http.StatusOK
	case reason == node.EmptyQuestion:
		return http.StatusBadRequest
	case reason == node.QuestionTooLong:
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}
