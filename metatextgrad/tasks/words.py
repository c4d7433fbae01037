"""The words that Word Sorting lists are drawn from: ordinary ones, names, and a few odd ones with marks and digits."""

_LIST = """
    abacus abbey absent academy accent acorn acrobat active adapt adjust admire adobe adrift advice aerial affair
    afford agenda agile airport alarm album alcove alder algebra alibi alley almond alpine amber ample anchor
    ancient andrea angle ankle annual answer antler anvil apart apple apricot apron arcade archer argue arise
    armchair arrow artist ascent ashore asleep aspect asphalt assume athens attic august aunt autumn avenue awake
    awkward axle baboon backbone bacon badge baker balance balcony balloon bamboo banana bandage banjo banner barber
    barely bargain barley barrel basalt basin basket batch bathtub beacon beaker bearing beaver become bedrock
    beehive beetle before begin behave belfry belong bench beneath berlin berry beside bicycle billow binder birch
    biscuit bishop bitter blanket blazer blend blizzard blossom blunt boiler bonfire bonnet border borrow boston
    bottom boulder bounce bracket brahms brandy brave breeze brick bridge brisk brittle broad bronze broom brother
    bubble bucket buckle budget buffalo builder bumper bundle burden burrow butter button buzzard cabbage cabin
    cable cactus cairo calendar camel camera camp canal candle canoe canvas canyon captain caravan carbon cardinal
    careful cargo carlos carpet carrot cartoon carve cashew castle casual cattle caution cavern cedar ceiling cellar
    cement center cereal chalk chamber chapel charcoal chariot cheese cherry chess chestnut chicago chimney chisel
    chorus cinder circle citizen citrus clamp clarinet classic clatter clay clever cliff climate clock closet clover
    cluster coast cobalt cobweb coconut coffee collar colony comet common compass concert condor copper coral
    cordial corner cotton couch council cousin cowboy cradle crane crater crayon cricket crimson crisp crocus
    crooked crown crumb crystal cuckoo cupboard curious curtain cushion cymbal cypress daffodil dagger daily dairy
    damask dancer danube daring darkness daughter dawn dazzle debate decade decimal deck deer delicate delta denim
    denver depart deposit depth desert desk detail devote dexter diagram diamond digest dinner direct discuss
    distant ditch dizzy doctor dolphin domino donkey doorway dormouse double dragon drawer dream drift driver
    drizzle drummer dublin duchess dune durable dusk dwarf eagle earnest earth easel echo eclipse edge edison editor
    effort elbow elder electric elephant elk ember emerald emily empire empty enamel endless engine enjoy enough
    envelope epic equal equator errand escape essay estate evening evident exact example exile expert explore fabric
    factor falcon falter family famous fancy farewell farmer fashion father faucet feather fence ferry fiddle field
    fifty figure filter finch finger firefly fiscal flagon flame flannel flavor flicker flint florida flour flower
    flute foghorn fold follow forage forest forget formal fossil fountain fox fragile frame francis freight frequent
    fresco friday friend frontier frost fulfil funnel furnace galaxy gallery gallop garage garden garlic garnet
    gather gazelle geneva gentle geyser giant ginger giraffe glacier glance glimpse globe glory glove goblet golden
    gondola goose gospel gossip grammar granite grape gravel gravity greece grocery grotto ground guitar gulf gypsum
    habit hamlet hammer hammock harbor hardy harness harp harvest hatchet havana hawthorn hazel heather hedge height
    helmet helsinki hemlock herald heron hickory hinge history hobby holiday hollow honest honey horizon hornet
    hotel hover hubbard humble hundred hunter hurdle husband iceberg icicle ideal idle igloo image impact inch
    indigo inkwell inland insect inspect instant invite iris iron island ivory ivy jackal jacket jaguar jasmine
    javelin jersey jigsaw jockey journey jubilee juggle jungle junior juniper kayak keen kelp kennel kepler kernel
    kettle keyboard kidney kilt kindle kingdom kitchen kiwi knapsack kneel knight knot kyoto label ladder lagoon
    lantern lapel laser lasting latitude laurel lava lavender lawyer leaflet leather lecture legend lemon leopard
    lesson lettuce lever liberty library lilac limestone linen lisbon litter lizard lobster locket lodge logic
    london loyal lucid lumber lunar lyric machine magnet magpie mahogany mailbox mallet mammoth mandolin mango manor
    mansion maple marble margin marina marker marsh martin mason meadow measure medal melody melon member mercury
    merit mexico midnight mild miller mimic mineral minute mirror mitten modest moment monday monkey morsel mosaic
    motor mountain muffin murmur museum musket mustard mutter nairobi napkin narrow native nature needle neptune
    nettle neutral newton nickel nimble noble nomad nora north notebook novel nugget number nurse nutmeg oak oasis
    oatmeal object oboe observe ocean october offer often olive onion opal opera orange orbit orchard ordinary organ
    origin oslo osprey otter outline oval oven owl oyster packet paddle painter palace panama panther paper parade
    parcel parsley partner pasture patient pavement peacock pebble pelican pencil penguin pepper perfume peru piano
    picnic pigeon pilgrim pillar pilot pioneer pistol planet plaster plaza plenty plumber pocket poem polish pollen
    pony poplar porcelain portrait potato powder prairie pretty prism profit pulley pumpkin puppet purple pyramid
    quaint quarry quartz queen quick quiet quilt quiver rabbit radio radish rafter ragged railway rainbow raisin
    ramble random rapid raven razor reason recipe record reef regal relish remedy repeat rescue rhine rhythm ribbon
    riddle ripple river robin rocket roman rooster rosemary rough rubber rudder rustic saddle saffron sailor salad
    salmon sample sandal sapphire satin saturn sausage scarlet school scissors scooter season secret sedan seldom
    sentry seven shadow shelter sherbet shield shovel siberia signal silver simple singer sister skeptic sketch
    slender slipper smooth snow socket soldier sonata spaniel sparrow spider spinach spiral spruce square squirrel
    stable station steeple sting stockholm straw stream sturdy sugar summer sunset supper surprise swallow sweater
    sydney symbol syrup tablet talent tangle target tavern teapot temple tender texas thicket thimble thirsty thread
    thunder ticket tiger timber tinsel toaster tobacco tokyo tomato topaz torrent tractor traffic treaty trellis
    triumph trumpet tulip tunnel turnip turtle twelve twilight umbrella uncle uneven uniform unison upright upstairs
    uranus urgent usual utter vacant valley vanilla vapor velvet venice verdict vessel vienna village violet visitor
    volcano voyage waffle wagon walnut walrus warsaw water wealth weasel weaver wedge welcome whale wheat whisper
    wicker widow willow window winter wisdom wizard wonder wooden wrinkle yacht yarn yellow yogurt zebra zenith
    zigzag zinc
    b&b q&a r&d s&p y&z 4th 7up h2o mp3 p53 can't don't ma'am o'brien o'clock we'll
"""

WORDS: tuple[str, ...] = tuple(_LIST.split())
