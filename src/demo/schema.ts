/** The tables of the demo: types, keys, indexes and comments as one would want to find them in a real database. */

/** Makes every table. They are made empty and all at once, before data.ts fills them in this order. */
export const schemaSql = `
CREATE TABLE countries (
  code char(3) PRIMARY KEY,
  name text NOT NULL UNIQUE,
  official_name text NOT NULL,
  capitals text[] NOT NULL,
  region text NOT NULL,
  subregion text,
  area_km2 numeric CHECK (area_km2 > 0),
  latitude numeric NOT NULL,
  longitude numeric NOT NULL,
  independent boolean,
  landlocked boolean NOT NULL,
  un_member boolean NOT NULL,
  names jsonb NOT NULL,
  flag text NOT NULL
);
COMMENT ON TABLE countries IS 'Countries and territories of ISO 3166-1 (mledoze/countries)';
COMMENT ON COLUMN countries.code IS 'ISO 3166-1 alpha-3';
COMMENT ON COLUMN countries.names IS 'The name in other languages, by ISO 639-3 code';
CREATE INDEX ON countries (region, subregion);

CREATE TABLE borders (
  country_code char(3) NOT NULL REFERENCES countries,
  neighbour_code char(3) NOT NULL REFERENCES countries,
  PRIMARY KEY (country_code, neighbour_code)
);
COMMENT ON TABLE borders IS 'Land borders, each in both directions';

CREATE TABLE languages (code text PRIMARY KEY, name text NOT NULL);
COMMENT ON COLUMN languages.code IS 'ISO 639-3';
CREATE TABLE country_languages (
  country_code char(3) NOT NULL REFERENCES countries,
  language_code text NOT NULL REFERENCES languages,
  PRIMARY KEY (country_code, language_code)
);
CREATE INDEX ON country_languages (language_code);
COMMENT ON TABLE country_languages IS 'Official languages of each country';

CREATE TABLE currencies (code char(3) PRIMARY KEY, name text NOT NULL, symbol text NOT NULL);
COMMENT ON COLUMN currencies.code IS 'ISO 4217';
CREATE TABLE country_currencies (
  country_code char(3) NOT NULL REFERENCES countries,
  currency_code char(3) NOT NULL REFERENCES currencies,
  PRIMARY KEY (country_code, currency_code)
);
CREATE INDEX ON country_currencies (currency_code);
COMMENT ON TABLE country_currencies IS 'Currencies that are tender in each country';

CREATE TABLE development (
  country_code char(3) NOT NULL REFERENCES countries,
  year smallint NOT NULL,
  population bigint NOT NULL,
  life_expectancy numeric NOT NULL,
  fertility numeric NOT NULL,
  PRIMARY KEY (country_code, year)
);
COMMENT ON TABLE development IS 'Population, life expectancy and children per woman, every five years (Gapminder)';

CREATE TABLE airports (
  iata text PRIMARY KEY,
  name text NOT NULL,
  city text,
  state text,
  country_code char(3) NOT NULL REFERENCES countries,
  latitude numeric NOT NULL,
  longitude numeric NOT NULL
);
COMMENT ON TABLE airports IS 'Airports of the United States and some beyond (Bureau of Transportation Statistics)';
CREATE INDEX ON airports (country_code, state);

CREATE TABLE routes (
  origin text NOT NULL REFERENCES airports,
  destination text NOT NULL REFERENCES airports,
  flights_2008 integer NOT NULL,
  PRIMARY KEY (origin, destination)
);
COMMENT ON TABLE routes IS 'Flights between two airports in 2008';

CREATE TABLE flights (
  id integer PRIMARY KEY,
  departed_at timestamp NOT NULL,
  origin text NOT NULL REFERENCES airports,
  destination text NOT NULL REFERENCES airports,
  distance_miles integer NOT NULL,
  delay_minutes integer NOT NULL
);
COMMENT ON TABLE flights IS 'A sample of domestic flights, January to March 2001';
COMMENT ON COLUMN flights.departed_at IS 'Local time of the origin';
COMMENT ON COLUMN flights.delay_minutes IS 'At arrival; negative when early';
CREATE INDEX ON flights (origin);
CREATE INDEX ON flights (destination);
CREATE INDEX ON flights (departed_at);

CREATE TABLE departures (
  id integer PRIMARY KEY,
  departure time NOT NULL,
  distance_miles integer NOT NULL,
  delay_minutes integer NOT NULL
);
COMMENT ON TABLE departures IS 'A larger sample of the same statistics: 200,000 departures with their local time of day';
CREATE INDEX ON departures (departure);

CREATE TABLE movies (
  id integer PRIMARY KEY,
  title text NOT NULL,
  released date,
  genre text,
  rating text,
  director text,
  distributor text,
  minutes integer,
  budget bigint,
  gross_us bigint,
  gross_worldwide bigint,
  tomatoes integer,
  imdb numeric,
  imdb_votes integer
);
COMMENT ON TABLE movies IS 'Films up to 2011, with their budgets and takings in US dollars';
COMMENT ON COLUMN movies.tomatoes IS 'Share of good reviews at Rotten Tomatoes, in percent';
CREATE INDEX ON movies (genre);
CREATE INDEX ON movies (released);

CREATE TABLE stocks (
  symbol text NOT NULL,
  month date NOT NULL,
  price numeric NOT NULL,
  PRIMARY KEY (symbol, month)
);
COMMENT ON TABLE stocks IS 'Prices of five technology shares at the start of each month, 2000 to 2010, in US dollars';

CREATE TYPE sky AS ENUM ('sun', 'fog', 'drizzle', 'rain', 'snow');
CREATE TABLE weather (
  day date PRIMARY KEY,
  sky sky NOT NULL,
  precipitation_mm numeric NOT NULL,
  low_celsius numeric NOT NULL,
  high_celsius numeric NOT NULL,
  wind numeric NOT NULL
);
COMMENT ON TABLE weather IS 'Seattle, day by day, 2012 to 2015 (NOAA)';
COMMENT ON COLUMN weather.wind IS 'Metres per second';

CREATE TABLE disasters (
  kind text NOT NULL,
  year smallint NOT NULL,
  deaths integer NOT NULL,
  PRIMARY KEY (kind, year)
);
COMMENT ON TABLE disasters IS 'Deaths of natural disasters in the world (EM-DAT, Our World in Data)';
`;
