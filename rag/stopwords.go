package rag

// Function words and question words, dropped from passages and questions alike. They are folded when
// used, so that one spelling here stands for both.
const (
	stopFr = `ai aie aient aies ait as au aura aurai auraient aurais aurait auras aurez auriez aurions aurons auront aux
		avaient avais avait avec avez aviez avions avons ayant ayez ayons c ce ceci cela ces cet cette d dans de
		des du elle en es est et eu eue eues eurent eus eusse eussent eusses eussiez eussions eut eux eûmes eûtes
		furent fus fusse fussent fusses fussiez fussions fut fûmes fûtes ici il ils j je l la le les leur leurs
		lui m ma mais me mes moi mon même n ne nos notre nous on ont ou par pas pour qu que quel quelle quelles
		quels qui s sa sans se sera serai seraient serais serait seras serez seriez serions serons seront ses soi
		soient sois soit sommes son sont soyez soyons suis sur t ta te tes toi ton tu un une vos votre vous y à
		étaient étais était étant étiez étions été étée étées étés combien comment pourquoi quand quoi lequel
		laquelle lesquels lesquelles est-ce peut peux peuvent pouvez pouvons faut fait faire doit dois doivent
		puis y si dont`

	stopEn = `a about above after again against all am an and any are aren't as at be because been before being below
		between both but by can't cannot could couldn't did didn't do does doesn't doing don't down during each
		few for from further had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers
		herself him himself his how how's i i'd i'll i'm i've if in into is isn't it it's its itself let's me more
		most mustn't my myself no nor not of off on once only or other ought our ours ourselves out over own same
		shan't she she'd she'll she's should shouldn't so some such than that that's the their theirs them
		themselves then there there's these they they'd they'll they're they've this those through to too under
		until up very was wasn't we we'd we'll we're we've were weren't what what's when when's where where's
		which while who who's whom why why's with won't would wouldn't you you'd you'll you're you've your yours
		yourself yourselves whose`

	stopEs = `a al algo algunas algunos ante antes como con contra cual cuando de del desde donde durante e el ella
		ellas ellos en entre era erais eran eras eres es esa esas ese eso esos esta estaba estabais estaban
		estabas estad estada estadas estado estados estamos estando estar estaremos estará estarán estarás estaré
		estaréis estaría estaríais estaríamos estarían estarías estas este estemos esto estos estoy estuve
		estuviera estuvierais estuvieran estuvieras estuvieron estuviese estuvieseis estuviesen estuvieses
		estuvimos estuviste estuvisteis estuviéramos estuviésemos estuvo estábamos estáis están estéis estén estés
		fue fuera fuerais fueran fueras fueron fuese fueseis fuesen fueses fui fuimos fuiste fuisteis fuéramos
		fuésemos ha habida habidas habido habidos habiendo habremos habrá habrán habrás habré habréis habría
		habríais habríamos habrían habrías habéis había habíais habíamos habían habías han has hasta hay haya
		hayamos hayan hayas hayáis he hemos hube hubiera hubierais hubieran hubieras hubieron hubiese hubieseis
		hubiesen hubieses hubimos hubiste hubisteis hubiéramos hubiésemos hubo la las le les lo los me mi mis
		mucho muchos muy más mía mías mío míos nada ni no nos nosotras nosotros nuestra nuestras nuestro nuestros
		o os otra otras otro otros para pero poco por porque que quien quienes se sea seamos sean seas seremos
		será serán serás seré seréis sería seríais seríamos serían serías seáis sido siendo sin sobre sois somos
		son soy su sus suya suyas suyo suyos sí también tanto te tendremos tendrá tendrán tendrás tendré tendréis
		tendría tendríais tendríamos tendrían tendrías tened tenemos tenga tengamos tengan tengas tengo tengáis
		tenida tenidas tenido tenidos teniendo tenéis tenía teníais teníamos tenían tenías ti tiene tienen tienes
		todo todos tu tus tuve tuviera tuvierais tuvieran tuvieras tuvieron tuviese tuvieseis tuviesen tuvieses
		tuvimos tuviste tuvisteis tuviéramos tuviésemos tuvo tuya tuyas tuyo tuyos un una uno unos vosotras
		vosotros vuestra vuestras vuestro vuestros y ya yo éramos cuáles cuánto cuánta cuántos cuántas`

	stopHt = `a ak an ankò anvan ap apre avan ba ban bay chak de deja depi di e en epi eske èske fè gen genyen i ja jan jis ka kapab
		ki kibò kijan kilè kisa kiyès konbyen konnen kote kouman kounye la lan lè li lò m moun mwen n nan ni nou ou oubyen oswa pa
		pandan paske pi pou poukisa pral pran sa san se si sou sòti t ta tankou te toujou tout va w y ye yo yon youn`

	stopGcf = `a ad adan an anba andidan anlè apré asi atè avan avè bo bon ba ban dé dèpi di é ékè èk épi es èvè évè fè i ja jan jik ka
		ké ki kijan kimoun kitan kon konmen kou la lé lè li lo moun ni nou ola oben on onki ou pa pannan pas pé pi
		pou pouki poukisa pli sa sav san sé si san té tini toujou tout y yo zòt w m mwen lasa`
)

// Marker words tell short texts of the languages apart: frequent words that the others lack or use
// less. Accents count here: "se" is Haitian where Guadeloupean writes "sé".
const (
	markersFr = " le la les l un une des du de d au aux est sont et ou où que qu quel quelle quels quelles qui quoi comment " +
		"combien pourquoi quand dans sur pour par avec sans il elle ils elles on nous vous je j ce cette ces s se faut faire peut "
	markersEn = " the a an of to in on is are was were and or what which who how why when where do does did for with from by it " +
		"can should i you we they this that be there "
	markersEs = " el la los las un una de del al es son fue y o qué cuál cuáles quién cómo cuándo cuánto cuántos cuántas dónde por " +
		"para con en que se hay puede debe lo su "
	markersHt = " ki kisa kijan kilè konbyen poukisa kote nan ap yo li ou mwen nou se pou ak gen pa fè te pral sou yon lè sa " +
		"kiyès èske m w lan kounye genyen konnen anvan bay "
	markersGcf = " ki ka kijan jan kitan konmen pouki ola koté adan an yo i ou mwen nou sé pou é épi ni pa fè té ké asi on lè sa " +
		"zòt évè èvè kimoun ès tini avan oben sav ba "
)

func markersOf(lang string) string {
	switch lang {
	case "fr":
		return markersFr
	case "en":
		return markersEn
	case "es":
		return markersEs
	case "ht":
		return markersHt
	case "gcf":
		return markersGcf
	}
	return ""
}

// functionWords are those that say nothing about the matter of a question in lang.
func functionWords(lang string) string {
	switch lang {
	case "fr":
		return stopFr
	case "en":
		return stopEn
	case "es":
		return stopEs
	case "ht":
		return stopHt
	case "gcf":
		return stopGcf
	}
	return ""
}
