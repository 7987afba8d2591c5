/**
 * The rows of the demo's first database, under the names of schema.ts. Knows nothing of Postgres.
 */
import type { Country } from 'world-countries';
import {
  codesByName,
  type DemoRow,
  type DemoTable,
  type Json,
  readCountries,
  readCsv,
  readJson,
  type Text,
} from './sources.ts';

/** The rows of every table, in an order that foreign keys allow. Throws when the packages are not installed. */
export async function readDemoTables(): Promise<DemoTable[]> {
  const countries = await readCountries();
  return [...countryTables(countries), ...(await statisticsTables(codesByName(countries)))];
}

function countryTables(countries: readonly Country[]): DemoTable[] {
  const languages = new Map<string, string>();
  const currencies = new Map<string, DemoRow>();
  for (const country of countries) {
    for (const [code, name] of Object.entries(country.languages))
      if (!languages.has(code)) languages.set(code, name);
    for (const [code, { name, symbol }] of Object.entries(country.currencies))
      if (!currencies.has(code)) currencies.set(code, { code, name, symbol });
  }
  const pairs = (other: string, listOf: (country: Country) => readonly string[]) =>
    countries.flatMap((country) =>
      listOf(country).map((code) => ({ country_code: country.cca3, [other]: code })),
    );
  return [
    { name: 'countries', rows: countries.map(countryRow) },
    { name: 'borders', rows: pairs('neighbour_code', (country) => country.borders) },
    { name: 'languages', rows: [...languages].map(([code, name]) => ({ code, name })) },
    { name: 'country_languages', rows: pairs('language_code', (country) => Object.keys(country.languages)) },
    { name: 'currencies', rows: [...currencies.values()] },
    {
      name: 'country_currencies',
      rows: pairs('currency_code', (country) => Object.keys(country.currencies)),
    },
  ];
}

function countryRow(country: Country): DemoRow {
  const [latitude, longitude] = country.latlng;
  const names = Object.entries(country.translations).map(([code, { common }]) => [code, common]);
  return {
    code: country.cca3,
    name: country.name.common,
    official_name: country.name.official,
    capitals: country.capital.filter((city) => city !== ''),
    region: country.region,
    subregion: country.subregion || null,
    // -1: not known.
    area_km2: country.area > 0 ? country.area : null,
    latitude,
    longitude,
    independent: country.independent ?? null,
    landlocked: country.landlocked,
    un_member: country.unMember,
    names: Object.fromEntries(names),
    flag: country.flag,
  };
}

async function statisticsTables(codeOf: (name: string) => string): Promise<DemoTable[]> {
  return [
    {
      name: 'development',
      rows: (await readJson('gapminder.json')).map((row) => developmentRow(row, codeOf)),
    },
    { name: 'airports', rows: (await readCsv('airports.csv')).map((row) => airportRow(row, codeOf)) },
    {
      name: 'routes',
      rows: (await readCsv('flights-airport.csv')).map(({ origin = '', destination = '', count = '' }) => ({
        origin,
        destination,
        flights_2008: count,
      })),
    },
    { name: 'flights', rows: (await readJson('flights-20k.json')).map(flightRow) },
    { name: 'departures', rows: (await readJson('flights-200k.json')).map(departureRow) },
    {
      name: 'movies',
      rows: (await readJson('movies.json')).filter((row) => row.Title !== null).map(movieRow),
    },
    {
      name: 'stocks',
      rows: (await readCsv('stocks.csv')).map(({ symbol = '', date = '', price = '' }) => ({
        symbol,
        month: date,
        price,
      })),
    },
    { name: 'weather', rows: (await readCsv('seattle-weather.csv')).map(weatherRow) },
    {
      name: 'disasters',
      rows: (await readCsv('disasters.csv')).map(({ Entity = '', Year = '', Deaths = '' }) => ({
        kind: Entity,
        year: Year,
        deaths: Deaths,
      })),
    },
  ];
}

function developmentRow(row: Json, codeOf: (name: string) => string): DemoRow {
  return {
    country_code: codeOf(String(row.country)),
    year: row.year ?? null,
    population: row.pop ?? null,
    life_expectancy: row.life_expect ?? null,
    fertility: row.fertility ?? null,
  };
}

function airportRow(row: Text, codeOf: (name: string) => string): DemoRow {
  const { iata = '', name = '', city, state, country = '', latitude = '', longitude = '' } = row;
  // `NA` stands for none in these two columns.
  const known = (text: string | undefined) => (!text || text === 'NA' ? null : text);
  return {
    iata,
    name,
    city: known(city),
    state: known(state),
    country_code: codeOf(country),
    latitude,
    longitude,
  };
}

function flightRow(row: Json, index: number): DemoRow {
  return {
    id: index + 1,
    departed_at: row.date ?? null,
    origin: row.origin ?? null,
    destination: row.destination ?? null,
    distance_miles: row.distance ?? null,
    delay_minutes: row.delay ?? null,
  };
}

function departureRow(row: Json, index: number): DemoRow {
  // Hours with a fraction, made of whole minutes.
  const minutes = Math.round(Number(row.time) * 60);
  return {
    id: index + 1,
    departure: `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`,
    distance_miles: row.distance ?? null,
    delay_minutes: row.delay ?? null,
  };
}

function movieRow(row: Json, index: number): DemoRow {
  const release = /^(\w+ \d+) (\d+)$/.exec(String(row['Release Date'] ?? ''));
  // The source's years had two digits: the set ends in 2011, and what seems later is a century older.
  const year = Number(release?.[2]);
  const released = release ? `${release[1]} ${year > 2011 ? year - 100 : year}` : null;
  return {
    id: index + 1,
    title: String(row.Title),
    released,
    genre: row['Major Genre'] ?? null,
    rating: row['MPAA Rating'] ?? null,
    director: row.Director ?? null,
    distributor: row.Distributor ?? null,
    minutes: row['Running Time min'] ?? null,
    budget: row['Production Budget'] ?? null,
    gross_us: row['US Gross'] ?? null,
    gross_worldwide: row['Worldwide Gross'] ?? null,
    tomatoes: row['Rotten Tomatoes Rating'] ?? null,
    imdb: row['IMDB Rating'] ?? null,
    imdb_votes: row['IMDB Votes'] ?? null,
  };
}

function weatherRow(row: Text): DemoRow {
  return {
    day: row.date ?? null,
    sky: row.weather ?? null,
    precipitation_mm: row.precipitation ?? null,
    low_celsius: row.temp_min ?? null,
    high_celsius: row.temp_max ?? null,
    wind: row.wind ?? null,
  };
}
