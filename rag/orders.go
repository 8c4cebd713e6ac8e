package rag

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Passages are written by anyone. One that speaks to the model instead of the reader is shown for what it is and is
// not given to the model. These are the ways such a text is written in French, English, Spanish and Haitian; a text
// about instructions has none of them. Patterns are for folded text, one space between words.
var givingOrders = regexp.MustCompile(strings.Join([]string{
	// set aside what you were told
	`\b(ignor(e|ez)|oubli(e|ez)|neglige(z)?|ne tiens pas compte|ne tenez pas compte) (d(e|es|u) )?(absolument |immediatement )?(toutes |tout |de )?(tes|vos|les|ces|ce|des|la|ta|votre) ?(\w+ )?(instructions?|consignes?|ordres|directives|qui precede|regles precedentes)`,
	`\b(ignore|disregard|forget|override|bypass)\b (all |any |everything |of |your |previous |prior )+(the |your |these |my |its )?(previous|prior|above|earlier|preceding|system|original|given)? ?(instructions?|prompts?|orders|rules you|directions|guidelines given|you were told|above)`,
	`\b(ignora|ignore|olvida|olvide|omite)\b (todas |todo |de )*(las |tus |sus |lo )?(instrucciones|ordenes|indicaciones|reglas anteriores|anterior)`,
	`\b(ignore|disregard|forget|override) (the |these |my )(previous|prior|above|earlier|preceding|system|original) (instructions?|prompts?|orders)`,
	`\b(inyore|bliye|pa swiv|pa okipe)\b (tout )?(enstriksyon|lod|konsiy|sa yo te di ou|sa ki ekri anwo)`,
	// be somebody else
	`\b(tu es|vous etes) (maintenant|desormais|dorenavant) (un|une|le|la|libre|mon)\b.{0,60}\b(assistant|ia|modele|robot|expert|pirate|bot)`,
	`\b(you are now (a|an|the|in|free|no longer|dan)|from now on,? you are|act as if you|pretend (that )?you are|new system prompt|reveal your (system )?prompt|developer mode)\b`,
	`\b(ahora eres|a partir de ahora eres|actua como si fueras)\b`,
	`\b(kounye a ou se|apati kounye a ou se)\b`,
	// say what the answer shall be
	`\b(reponds?|repondez|ecris|ecrivez|affiche|dis) (toujours |uniquement |seulement |exactement )+(que |par |avec |ceci|:|«|")`,
	`\b(always|only) (answer|reply|respond|say|output)\b( exactly| only| with| that)*( "|: | with the (word|sentence|phrase))`,
	`\b(responde|di|escribe) (siempre|solamente|unicamente|exactamente) (que|con|:|")`,
	`\b(reponn|di|ekri) (selman|toujou) (ke|:|")`,
	`\b(ne cite pas|ne mentionne pas|do not (cite|mention)|no cites|pa site) (les? |the |la |las )?(sources?|passages?|fuentes?|sous|this instruction|cette consigne)`,
	`\b(assistant|ia|ai|modele de langage|language model|chatbot|llm) ?[,:!] ?(ignore|oublie|reponds|ecris|answer|reply|say|you must|tu dois|vous devez|responde|debes|reponn|ou dwe)`,
	`\b(message|note|instruction|consigne|order|ordre|mensaje|mesaj)s? (a|pour|to|for|para|pou) (l'|the |el |la |tout |any )?(assistant|ia|ai|modele|model|modelo|llm|chatbot)s?\b`,
	// marks of a conversation or of the prompt
	`<\|[a-z_]{2,20}\|>`, `\[/?inst\]`, `<</?sys>>`, `</?passage ?\d*>`, `\bbegin(ning of)? system\b`,
	`(^|\n) ?(#+ ?)?(system|assistant|systeme) ?: `,
	`#{2,} ?(instruction|system|response|reponse)s? ?:`,
}, "|"))

// givesOrders tells whether a text speaks to the model. It is a guess that errs towards no: what it misses is still
// data between fences.
func givesOrders(text string) bool {
	var plain strings.Builder
	space := false
	for _, r := range fold(text) {
		switch {
		case unicode.Is(unicode.Cf, r): // what is not seen
		case r == '\n':
			plain.WriteByte('\n')
			space = true
		case unicode.IsSpace(r):
			if !space {
				plain.WriteByte(' ')
			}
			space = true
		default:
			plain.WriteRune(r)
			space = false
		}
	}
	return givingOrders.MatchString(plain.String())
}

// withoutOrders leaves out the sources that give orders, and their hits.
func withoutOrders(hits []Hit, sources []Citation) ([]Hit, []Citation) {
	left := map[embedKey]bool{}
	var kept []Citation
	for _, c := range sources {
		if c.Orders {
			left[keyOf(c.Passage)] = true
		} else {
			kept = append(kept, c)
		}
	}
	if len(left) == 0 {
		return hits, sources
	}
	return slices.DeleteFunc(slices.Clone(hits), func(h Hit) bool { return left[keyOf(h.Passage)] }), kept
}
