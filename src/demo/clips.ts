/** The clips of the demo: what they ask, in the order in which the list shows them. */

/** A clip to be there. */
export interface DemoClip {
  readonly name: string;
  readonly mode: 'live' | 'frozen';
  readonly sql: string;
}

/** The newest first: the first three are the ones to look at first. */
export const demoClips: readonly [DemoClip, DemoClip, DemoClip, ...DemoClip[]] = [
  {
    name: 'Busiest airports and how late they run',
    mode: 'live',
    sql: `-- A sample of US domestic flights, January to March 2001
SELECT a.iata AS airport,
       a.city,
       a.state,
       count(*) AS departures,
       round(avg(f.delay_minutes), 1) AS average_delay_minutes,
       percentile_disc(0.9) WITHIN GROUP (ORDER BY f.delay_minutes) AS delay_of_the_worst_tenth,
       round(100.0 * count(*) FILTER (WHERE f.delay_minutes <= 15) / count(*), 1) AS on_time_percent,
       mode() WITHIN GROUP (ORDER BY d.city) AS most_frequent_destination
FROM flights f
JOIN airports a ON a.iata = f.origin
JOIN airports d ON d.iata = f.destination
GROUP BY a.iata
HAVING count(*) >= 50
ORDER BY departures DESC, airport`,
  },
  {
    name: 'The three most profitable films of each genre',
    mode: 'frozen',
    sql: `WITH ranked AS (
  SELECT genre,
         row_number() OVER (PARTITION BY genre ORDER BY gross_worldwide - budget DESC, id) AS place,
         title, released, director, budget, gross_worldwide, imdb
  FROM movies
  WHERE genre IS NOT NULL AND budget > 0 AND gross_worldwide > 0
)
SELECT genre, place, title, released, director,
       gross_worldwide - budget AS profit_usd,
       round(gross_worldwide::numeric / budget, 2) AS times_its_budget,
       imdb AS imdb_rating
FROM ranked
WHERE place <= 3
ORDER BY genre, place`,
  },
  {
    name: 'Where birds strike aircraft',
    mode: 'live',
    sql: `-- warehouse is another database, linked into this one. Its three tables are joined and counted over there:
-- one row an airport comes over, and meets the flights of this database. The strikes are a sample of the years
-- 1990 to 2002 and the departures those of 2008: they rank the airports, and are no rate.
WITH strikes AS (
  SELECT a.iata,
         count(*) AS strikes,
         count(s.damage) AS with_damage,
         sum(s.cost_usd) AS cost_usd,
         mode() WITHIN GROUP (ORDER BY p.name) FILTER (WHERE p.identified) AS most_frequent_species
  FROM warehouse.bird_strikes s
  JOIN warehouse.airfields a ON a.id = s.airfield_id
  JOIN warehouse.species p ON p.id = s.species_id
  GROUP BY a.iata
), traffic AS (
  SELECT origin AS iata, sum(flights_2008) AS departures, count(*) AS destinations
  FROM routes
  GROUP BY origin
)
SELECT rank() OVER (ORDER BY strikes::numeric / departures DESC) AS place,
       iata AS airport, a.city, a.state, departures, destinations, strikes,
       round(10000.0 * strikes / departures, 1) AS strikes_per_10000_departures,
       round(100.0 * with_damage / strikes, 1) AS percent_with_damage,
       cost_usd, most_frequent_species
FROM strikes
JOIN traffic USING (iata)
JOIN airports a USING (iata)
WHERE departures >= 10000
ORDER BY place, airport`,
  },
  {
    name: "Seattle's months beside what is normal",
    mode: 'live',
    sql: `-- The hourly normals of the linked database become 365 daily ones over there; the days of this database are held
-- against them. There is no normal of 29 February.
WITH normals AS (
  SELECT month, day, avg(celsius) AS celsius
  FROM warehouse.hourly_normals
  GROUP BY month, day
), days AS (
  SELECT date_trunc('month', w.day)::date AS month,
         (low_celsius + high_celsius) / 2 AS celsius, n.celsius AS normal, precipitation_mm
  FROM weather w
  LEFT JOIN normals n ON n.month = extract(month FROM w.day) AND n.day = extract(day FROM w.day)
)
SELECT month,
       round(avg(celsius), 1) AS mean_celsius,
       round(avg(normal), 1) AS normal_celsius,
       round(avg(celsius - normal), 1) AS degrees_above_normal,
       rank() OVER (ORDER BY avg(celsius - normal) DESC) AS place_by_warmth,
       count(*) FILTER (WHERE celsius > normal) AS warmer_days,
       count(*) FILTER (WHERE celsius < normal) AS colder_days,
       sum(precipitation_mm) AS precipitation_mm
FROM days
GROUP BY month
ORDER BY month`,
  },
  {
    name: 'Every departure: 200,000 rows',
    mode: 'live',
    sql: `SELECT id, departure, distance_miles, delay_minutes, delay_minutes > 15 AS late
FROM departures
ORDER BY id`,
  },
  {
    name: 'Countries, their neighbours, languages and names',
    mode: 'live',
    sql: `SELECT c.flag, c.code, c.name, c.capitals, c.region, c.area_km2, c.landlocked, c.un_member,
       l.languages,
       coalesce(b.neighbours, '{}') AS neighbours,
       jsonb_build_object('japanese', c.names -> 'jpn', 'arabic', c.names -> 'ara') AS names
FROM countries c
LEFT JOIN LATERAL (
  SELECT string_agg(languages.name, ', ' ORDER BY languages.name) AS languages
  FROM country_languages JOIN languages ON languages.code = language_code
  WHERE country_code = c.code
) l ON true
LEFT JOIN LATERAL (
  SELECT array_agg(n.name ORDER BY n.name) AS neighbours
  FROM borders JOIN countries n ON n.code = neighbour_code
  WHERE country_code = c.code
) b ON true
ORDER BY c.name`,
  },
  {
    name: 'How much longer people live than in 1955',
    mode: 'live',
    sql: `WITH spans AS (
  SELECT DISTINCT country_code,
         first_value(life_expectancy) OVER by_year AS years_then,
         last_value(life_expectancy) OVER by_year AS years_now,
         last_value(year) OVER by_year AS last_year,
         last_value(population) OVER by_year AS population
  FROM development
  WINDOW by_year AS (PARTITION BY country_code ORDER BY year
                     ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
SELECT rank() OVER (ORDER BY years_now - years_then DESC) AS place,
       c.name AS country, c.region, s.years_then, s.years_now, s.years_now - s.years_then AS years_gained,
       s.last_year, s.population
FROM spans s JOIN countries c ON c.code = s.country_code
ORDER BY place, country`,
  },
  {
    name: 'Deaths of natural disasters by decade',
    mode: 'frozen',
    sql: `WITH decades AS (
  SELECT year / 10 * 10 AS decade, kind, sum(deaths) AS deaths
  FROM disasters
  WHERE kind <> 'All natural disasters'
  GROUP BY 1, 2
)
SELECT decade, kind, deaths,
       round(100 * deaths / sum(deaths) OVER (PARTITION BY decade), 2) AS percent_of_the_decade,
       deaths - lag(deaths) OVER (PARTITION BY kind ORDER BY decade) AS change
FROM decades
ORDER BY decade, deaths DESC, kind`,
  },
  {
    name: 'Shares month by month, with their fall from the top',
    mode: 'live',
    sql: `SELECT symbol, month, price,
       round(avg(price) OVER (PARTITION BY symbol ORDER BY month ROWS 11 PRECEDING), 2) AS average_of_12_months,
       round(100 * (price / max(price) OVER (PARTITION BY symbol ORDER BY month) - 1), 1) AS percent_below_top,
       price = max(price) OVER (PARTITION BY symbol ORDER BY month) AS record
FROM stocks
ORDER BY symbol, month`,
  },
  {
    name: "Seattle's weather by month",
    mode: 'live',
    sql: `SELECT date_trunc('month', day)::date AS month,
       round(avg((low_celsius + high_celsius) / 2), 1) AS mean_celsius,
       min(low_celsius) AS coldest,
       max(high_celsius) AS warmest,
       sum(precipitation_mm) AS precipitation_mm,
       count(*) FILTER (WHERE precipitation_mm = 0) AS dry_days,
       mode() WITHIN GROUP (ORDER BY sky) AS usual_sky,
       bool_or(sky = 'snow') AS snowed
FROM weather
GROUP BY 1
ORDER BY 1`,
  },
  {
    name: 'Currencies that several countries share',
    mode: 'live',
    sql: `SELECT u.code, u.name, u.symbol, count(*) AS countries, sum(c.area_km2) AS area_km2,
       string_agg(c.name, ', ' ORDER BY c.name) AS where_it_is_tender
FROM currencies u
JOIN country_currencies cc ON cc.currency_code = u.code
JOIN countries c ON c.code = cc.country_code
GROUP BY u.code
HAVING count(*) > 1
ORDER BY countries DESC, u.code`,
  },
];

/** Those that join rows with what Redis counts, where there is one: the join itself, then the view over it. */
export const shopClips: readonly [DemoClip, DemoClip] = [
  {
    name: 'Widgets and how often they were looked at',
    mode: 'live',
    sql: `-- hredis is a Redis, linked as a schema. The keys of the widgets are fetched
-- in one go, and no others. The shop counts each opening of a page; what its
-- counters began with is made up.
SELECT w.id, w.name, w.stock, r.value::bigint AS views
FROM widgets w JOIN hredis.redis r ON r.key = concat('widget:', w.id)
ORDER BY views DESC, w.id`,
  },
  {
    name: 'Page views by widget, for a chart',
    mode: 'live',
    sql: `-- A view over the same join, with a column of labels and one of values:
-- point a chart at its CSV or JSON
SELECT label, value
FROM widget_views
ORDER BY value DESC, label`,
  },
];
