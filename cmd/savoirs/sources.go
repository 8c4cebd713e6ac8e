package main

import (
	"fmt"
	"strings"

	"savoirs/rag"
)

// place says where a passage is: heading and page, document.
func (s *shell) place(p rag.Passage) string {
	title := orElse(p.Title, p.Doc)
	parts := []string{s.strong(clean(title))}
	if p.Heading != "" && p.Heading != p.Title {
		parts = append(parts, clean(p.Heading))
	}
	if p.Page > 0 {
		parts = append(parts, s.say("say.page", "page", fmt.Sprint(p.Page)))
	}
	if p.Doc != "" && p.Doc != title {
		parts = append(parts, clean(p.Doc))
	}
	if from := p.From; from != nil {
		parts = append(parts, s.say("say.ask.from", "who", clean(orElse(from.Name, shortPeer(from.Peer)))))
		if !from.Verified {
			parts = append(parts, s.say("say.ask.unverified"))
		}
	}
	return strings.Join(parts, " · ")
}

// asked says which other nodes were chosen and what became of each.
func (s *shell) asked(all []rag.Asked) {
	if len(all) == 0 {
		return
	}
	var who []string
	for _, a := range all {
		who = append(who, clean(orElse(a.Name, shortPeer(a.Peer)))+" ("+s.say("say.asked."+string(a.Outcome))+")")
	}
	s.tell("say.ask.asked", "who", strings.Join(who, ", "))
}

// shortPeer is the end of an id, enough to tell one node from others.
func shortPeer(id string) string { return id[max(0, len(id)-6):] }

// opens is the page that shows a passage in its document, for a browser; "" for
// a passage of another node.
func (s *shell) opens(p rag.Passage) string {
	if p.Set == "" || p.From != nil {
		return ""
	}
	at := s.address()
	if !strings.Contains(at, "://") {
		at = "http://" + at
	}
	return fmt.Sprintf("%s/passages/%s/%d#passage", strings.TrimSuffix(at, "/"), p.Set, p.N)
}

// results writes what a search found, each passage whole under its place.
func (s *shell) results(r rag.Results) {
	defer s.asked(r.Asked)
	if len(r.Hits) == 0 {
		s.line("say.search.nothing")
		return
	}
	for i, h := range r.Hits {
		fmt.Fprintf(s.out, "%2d. %s\n", i+1, s.place(h.Passage))
		if page := s.opens(h.Passage); page != "" {
			fmt.Fprintf(s.out, "    %s\n", page)
		}
		fmt.Fprintln(s.out, indent(whole(h.Passage), "    "))
	}
	if !r.Known {
		s.tell("say.search.unsure")
	}
	if r.Degraded != "" {
		s.tell("say.search.degraded", "reason", r.Degraded)
	}
}

// whole is the text of a passage under what makes it understood.
func whole(p rag.Passage) string {
	if p.Context == "" {
		return clean(p.Text)
	}
	return clean(p.Context) + "\n" + clean(p.Text)
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
}

// answerView writes an answer as it comes: sources, then text.
type answerView struct {
	*shell
	waiting bool // for other nodes, and that was said
	writing bool // some text was written
	newline bool // and its last character ended a line
}

// event takes the next step of an answer.
func (v *answerView) event(e rag.Event) error {
	switch e.Kind {
	case rag.EventEarly:
		if !v.waiting {
			v.tell("say.ask.early", "n", fmt.Sprint(len(e.Sources)))
		}
		v.waiting = true
	case rag.EventSources:
		v.sources(e.Sources)
		v.asked(e.Asked)
	case rag.EventText:
		if text := clean(e.Text); text != "" {
			fmt.Fprint(v.out, text)
			v.writing, v.newline = true, strings.HasSuffix(text, "\n")
		}
	}
	return nil
}

func (v *answerView) sources(sources []rag.Citation) {
	if len(sources) == 0 {
		return
	}
	fmt.Fprintln(v.out, v.strong(v.say("say.ask.sources")))
	for _, c := range sources {
		fmt.Fprintf(v.out, "  [%d] %s\n", c.N, v.place(c.Passage))
		if c.Orders {
			fmt.Fprintf(v.out, "      %s\n", v.say("say.ask.orders"))
		}
		if page := v.opens(c.Passage); page != "" {
			fmt.Fprintf(v.out, "      %s\n", page)
		}
	}
	fmt.Fprintln(v.out)
}

// end closes the last line of a text that stopped.
func (v *answerView) end() {
	if v.writing && !v.newline {
		fmt.Fprintln(v.out)
	}
	v.newline = true
}

// finish writes what is left to say once the whole answer is known: without a
// text, the passages are the answer.
func (v *answerView) finish(a rag.Answer) {
	v.end()
	switch {
	case !a.Known && len(a.Sources) > 0:
		v.tell("say.ask.nearest")
	case a.Known && !v.writing:
		for _, c := range a.Sources {
			fmt.Fprintf(v.out, "[%d]\n%s\n\n", c.N, indent(whole(c.Passage), "    "))
		}
		v.tell("say.ask.no_model")
	}
	for _, d := range a.Doubts {
		switch d.Kind {
		case rag.DoubtQuote:
			v.tell("say.ask.quote", "text", d.Text)
		case rag.DoubtSource:
			v.tell("say.ask.unchecked")
		case rag.DoubtSentence:
			v.tell("say.ask.sentence", "text", clean(d.Text))
		case rag.DoubtFigure:
			v.tell("say.ask.figure", "text", clean(d.Text))
		case rag.DoubtLanguage:
			v.tell("say.ask.language")
		}
	}
	if a.Kept != nil {
		if a.Kept.At != nil {
			v.tell("say.ask.kept_at", "time", a.Kept.At.Local().Format("2006-01-02 15:04"))
		} else {
			v.tell("say.ask.kept")
		}
	}
}
