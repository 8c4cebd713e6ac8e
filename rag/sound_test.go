package rag

import "testing"

func TestACreoleWordSoundsAsTheFrenchOneItComesFrom(t *testing.T) {
	for _, w := range [][]string{
		{"cyclone", "cyclones", "siklòn"}, {"gombo", "gonbo"}, {"manioc", "mannyòk", "manyòk"}, {"esclavage", "esklavaj"},
		{"moustiques", "moustik"}, {"vigilance", "vijilans"}, {"compost", "konpòs"}, {"filtre", "filt"}, {"sucre", "sik"},
		{"ciguatera", "siguatera"}, {"numéro", "niméwo", "nimewo"}, {"sargasses", "sargas"}, {"marché", "maché"},
		{"chaleur", "chalè"}, {"poisson", "pwason"}, {"citerne", "sitèn"}, {"sable", "sab"}, {"fourmis", "foumi"},
		{"javel", "javèl"}, {"violette", "vyolèt"}, {"colombo", "kolonbo"}, {"banane", "bannann"}, {"gouttes", "gout"},
		{"attention", "atansyon"}, {"canne", "kann"}, {"lettre", "lèt"},
	} {
		for _, other := range w[1:] {
			if a, b := sound(w[0]), sound(other); a != b || a == "" {
				t.Errorf("%s sounds %q, %s sounds %q", w[0], a, other, b)
			}
		}
	}
	for _, w := range [][2]string{{"cyclone", "citerne"}, {"poisson", "boisson"}, {"manioc", "manguier"}, {"igname", "gramme"}} {
		if sound(w[0]) == sound(w[1]) {
			t.Errorf("%s and %s both sound %q", w[0], w[1], sound(w[0]))
		}
	}
}
