package rag

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Strangers are questions that no library of a community is expected to answer. What they score at
// best is the measure of chance: it differs with the model, the library and the language, and a real
// question is judged against it, never by its bare cosine. A library that does answer one or two of
// them shifts the measure little.
func strangersIn(lang string) []string {
	switch lang {
	case "en":
		return []string{
			"Who sang the title role at the opera in Vienna last night?",
			"Which chess opening refutes the Latvian gambit?",
			"What is the lap record of the Monaco Grand Prix?",
			"How do I trade options on the Tokyo stock exchange?",
			"Which lens should I choose for a reflecting telescope?",
			"What are the grammatical cases of Icelandic nouns?",
			"How is a katana blade folded by a swordsmith?",
			"Which boy band topped the Korean charts this week?",
			"How do I unlock the last level of this video game?",
			"What is the wax for cross-country skis at minus ten?",
			"How many stones does a curling team throw?",
			"What does a particle accelerator cost?",
		}
	case "es":
		return []string{
			"¿Quién cantó anoche el papel principal en la ópera de Viena?",
			"¿Qué apertura de ajedrez refuta el gambito letón?",
			"¿Cuál es el récord de vuelta del Gran Premio de Mónaco?",
			"¿Cómo se negocian opciones en la bolsa de Tokio?",
			"¿Qué lente elijo para un telescopio reflector?",
			"¿Cuáles son los casos gramaticales del islandés?",
			"¿Cómo pliega el herrero la hoja de una katana?",
			"¿Qué grupo encabeza esta semana las listas de Corea?",
			"¿Cómo se desbloquea el último nivel de este videojuego?",
			"¿Qué cera llevan los esquís de fondo a diez bajo cero?",
			"¿Cuántas piedras lanza un equipo de curling?",
			"¿Cuánto cuesta un acelerador de partículas?",
		}
	case "ht":
		return []string{
			"Kiyès ki te chante nan opera Vyèn yè swa?",
			"Ki ouvèti echèk ki bat ganbi lèton an?",
			"Konbyen tan rekò yon tou Gran Pri Monako a ye?",
			"Kijan pou m achte opsyon nan labous Tokyo?",
			"Ki lantiy pou m chwazi pou yon teleskòp?",
			"Kijan yo pliye lam yon katana?",
			"Ki gwoup mizik Kore ki premye semèn sa a?",
			"Kijan pou m debloke dènye nivo jwèt videyo a?",
		}
	case "gcf":
		return []string{
			"Ki moun ki chanté adan opéra a Vyèn yè oswa ?",
			"Ki ouvèti a échèk ka bat ganbi lèton ?",
			"Ki rékò a on tou a Gran Pri a Monako ?",
			"Ki jan pou achté opsyon adan labous a Tokyo ?",
			"Ki lantiy pou chwazi pou on téléskòp ?",
			"Ki jan yo ka pliyé lam a on katana ?",
			"Ki gwoup a mizik Koré ki prèmyé simenn-lasa ?",
			"Ki jan pou débloké dènyé nivo a jé vidéyo-la ?",
		}
	}
	return []string{
		"Qui chantait le premier rôle à l'opéra de Vienne hier soir ?",
		"Quelle ouverture d'échecs réfute le gambit letton ?",
		"Quel est le record du tour au Grand Prix de Monaco ?",
		"Comment négocier des options à la bourse de Tokyo ?",
		"Quelle lentille choisir pour un télescope à miroir ?",
		"Quels sont les cas grammaticaux de l'islandais ?",
		"Comment le forgeron plie-t-il la lame d'un katana ?",
		"Quel groupe de pop coréenne est en tête des ventes cette semaine ?",
		"Comment débloquer le dernier niveau de ce jeu vidéo ?",
		"Quel fart pour des skis de fond à moins dix degrés ?",
		"Combien de pierres lance une équipe de curling ?",
		"Combien coûte un accélérateur de particules ?",
	}
}

// strangerLanguage is the language whose strangers stand for a question in lang.
func strangerLanguage(lang string) string {
	switch lang {
	case "en", "es", "ht", "gcf":
		return lang
	}
	return "fr"
}

// chance is what strangers score with an index.
type chance struct {
	asked map[string][][]float32 // vectors of the strangers, by language
	best  map[string][]float64   // the best cosine of each
	near  map[string][]float64   // the best cosine of each with the subjects of the world
	over  int                    // how many passages there were
	world map[string][][]float32 // vectors of those subjects, by language
}

// meetStrangers embeds the strangers, once for a model.
func (w *embedWork) meetStrangers(ctx context.Context, v *vectors) error {
	w.x.mu.RLock()
	known := v.chance.asked != nil
	w.x.mu.RUnlock()
	if known {
		return nil
	}
	langs := []string{"fr", "en", "es", "ht", "gcf"}
	var texts []string
	for _, lang := range langs {
		texts = append(texts, strangersIn(lang)...)
	}
	var vs [][]float32
	err := w.turn(ctx, func(ctx context.Context) (err error) {
		vs, err = w.e.Embed(ctx, RoleQuery, texts)
		return err
	})
	if errors.Is(err, ErrYielded) {
		return w.meetStrangers(ctx, v)
	}
	if err != nil {
		return err
	}
	if len(vs) != len(texts) {
		return fmt.Errorf("%d vectors for %d texts: %w", len(vs), len(texts), ErrDimension)
	}
	asked := map[string][][]float32{}
	for _, lang := range langs {
		n := len(strangersIn(lang))
		asked[lang], vs = vs[:n], vs[n:]
	}
	w.x.mu.Lock()
	defer w.x.mu.Unlock()
	v.chance.asked = asked
	return v.takeChance()
}

// common is the mean of the strangers in a language, each of length one: what questions have in common.
// Nil while they have not been met.
func (v *vectors) common(lang string) []float32 {
	asked := v.chance.asked[lang]
	if len(asked) == 0 {
		return nil
	}
	mean := make([]float32, len(asked[0]))
	for _, q := range asked {
		for j, x := range unit(q) {
			mean[j] += x / float32(len(asked))
		}
	}
	return mean
}

// takeChance measures what the strangers score now.
func (v *vectors) takeChance() error {
	v.chance.best, v.chance.near, v.chance.over = map[string][]float64{}, map[string][]float64{}, v.total()
	if v.chance.over == 0 {
		return nil
	}
	for lang, questions := range v.chance.asked {
		for _, q := range questions {
			hits, err := v.search(q, func(string) bool { return true }, 1)
			if err != nil {
				return err
			}
			for _, h := range hits {
				v.chance.best[lang] = append(v.chance.best[lang], h.cos)
				v.chance.near[lang] = append(v.chance.near[lang], v.chance.nearest(q))
			}
		}
	}
	return nil
}

// standing is how a question compares with strangers asked in its language, in standard deviations.
type standing struct {
	beyond float64 // of its best cosine
	margin float64 // of how much nearer the best passage is than the subjects of the world
}

// standingOf judges the best cosine of a question in lang with all of xs, and that with the world; false when chance
// is not known.
func standingOf(best, world float64, lang string, xs []*Index) (standing, bool) {
	lang = strangerLanguage(lang)
	var scores, near []float64
	for _, x := range xs {
		if x.vectors.total() == 0 {
			continue
		}
		c := x.vectors.chance
		if n := len(c.best[lang]); n == 0 || len(c.near[lang]) != n || scores != nil && n != len(scores) {
			return standing{}, false
		}
		if scores == nil {
			scores, near = make([]float64, len(c.best[lang])), make([]float64, len(c.best[lang]))
		}
		for i := range scores {
			scores[i], near[i] = max(scores[i], c.best[lang][i]), max(near[i], c.near[lang][i])
		}
	}
	if scores == nil {
		return standing{}, false
	}
	margins := make([]float64, len(scores))
	for i := range scores {
		margins[i] = scores[i] - near[i]
	}
	return standing{deviations(best, scores), deviations(best-world, margins)}, true
}

// deviations is how far x lies above the mean of those, in their standard deviations.
func deviations(x float64, those []float64) float64 {
	var sum, squares float64
	for _, s := range those {
		sum, squares = sum+s, squares+s*s
	}
	n := float64(len(those))
	mean := sum / n
	return (x - mean) / math.Sqrt(max(squares/n-mean*mean, 1e-5))
}
